"""The page of a platform that others can reach: first-run setup, login, roles, tokens, the end of a session."""

from __future__ import annotations

import json
import re
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from browser.chromium import Chromium
from browser.page_tools import axe, page_tools
from browser.visitor import Platform, Visitor, until

PASSWORD = "four words go here"  # noqa: S105
Visit = Callable[..., Visitor]


def call(platform: Platform, method: str, path: str, token: str, body: Any = None) -> tuple[int, Any]:
    """What a program does with a token."""
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    asked = urllib.request.Request(f"{platform.url}/api/v1{path}", data, headers, method=method)  # noqa: S310
    try:
        with urllib.request.urlopen(asked, timeout=60) as answer:  # noqa: S310
            return answer.status, json.loads(answer.read() or b"null")
    except urllib.error.HTTPError as refused:
        return refused.code, json.loads(refused.read() or b"null")


def found(pattern: str, platform: Platform) -> str:
    """In what it has printed."""
    matched = re.search(pattern, platform.said())
    assert matched
    return matched[1]


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory, chromium: Chromium) -> Iterator[Platform]:
    """A platform whose first admin, anna, was made in the page."""
    page_tools()
    platform = Platform(tmp_path_factory.mktemp("closed"), "--host", "0.0.0.0")  # noqa: S104
    platform.start()
    until(lambda: "/#/setup/" in platform.said(), "the link is printed")
    visitor = Visitor(chromium, platform.url)
    visitor.go(found(r"(#/setup/\S+)", platform))
    fill(visitor, Name="anna", Password=PASSWORD)
    visitor.do(lambda page: page.get_by_label("Password again").fill("another one"))
    visitor.press("Make me admin")
    visitor.see("The two passwords differ")
    visitor.do(lambda page: page.get_by_label("Password again").fill(PASSWORD))
    visitor.press("Make me admin")
    visitor.do(lambda page: page.get_by_role("heading", name="Jobs", exact=True).wait_for())
    visitor.close()
    yield platform
    platform.stop()


@pytest.fixture
def visit(chromium: Chromium, closed: Platform) -> Iterator[Visit]:
    visitors: list[Visitor] = []

    def visiting(**settings: Any) -> Visitor:
        visitors.append(Visitor(chromium, closed.url, **settings))
        return visitors[-1]

    yield visiting
    for visitor in visitors:
        visitor.close()
    assert [error for visitor in visitors for error in visitor.errors] == []


@pytest.fixture(scope="module")
def token(closed: Platform) -> str:
    """The platform's own, as its owner has it."""
    return found(r"FALLOW_API_TOKEN=(\S+)", closed)


def fill(visitor: Visitor, **fields: str) -> None:
    for label, text in fields.items():
        visitor.do(lambda page, label=label, text=text: page.get_by_label(label, exact=True).fill(text))


def log_in(visitor: Visitor, name: str, password: str = PASSWORD, address: str = "#/jobs") -> None:
    """From a page that only those who are known may see; it is shown afterwards."""
    visitor.go(address)
    visitor.do(lambda page: page.get_by_role("heading", name="Log in to Fallow").wait_for())
    fill(visitor, Name=name, Password=password)
    visitor.press("Log in")


def heading(visitor: Visitor, name: str) -> None:
    visitor.do(lambda page: page.get_by_role("heading", name=name, exact=True).wait_for())


def test_who_is_nobody_logs_in_and_comes_back(visit: Visit) -> None:
    visitor = visit()
    log_in(visitor, "anna", "not the password", address="#/settings")
    visitor.do(lambda page: page.locator("form .wrong").wait_for())
    fill(visitor, Password=PASSWORD)
    visitor.press("Log in")
    heading(visitor, "Settings")
    visitor.see("You are anna, Admin.")
    visitor.do(lambda page: page.reload())
    heading(visitor, "Settings")
    visitor.do(lambda page: page.get_by_role("button", name=re.compile("Log out")).first.click())
    heading(visitor, "Log in to Fallow")
    visitor.go("#/fleet")
    heading(visitor, "Log in to Fallow")


def test_a_token_is_shown_once_works_and_is_revoked(visit: Visit, closed: Platform) -> None:
    visitor = visit()
    log_in(visitor, "anna", address="#/settings")
    visitor.press("New token")
    visitor.do(lambda page: page.get_by_label("What it is for").fill("nightly"))
    visitor.do(lambda page: page.get_by_role("dialog").get_by_label("Role").select_option("viewer"))
    visitor.press("Make the token")
    made = visitor.do(lambda page: page.get_by_role("group", name="The token is made").inner_text())
    status, told = call(closed, "GET", "/me", made)
    assert (status, told["name"], told["role"]) == (200, "anna", "viewer")
    visitor.press("Done")
    visitor.do(lambda page: page.reload())
    visitor.see("nightly")
    assert made not in visitor.do(lambda page: page.content())
    visitor.press("Revoke: nightly")
    visitor.do(lambda page: page.get_by_role("dialog").get_by_role("button", name="Revoke").click())
    visitor.see("“nightly” is revoked.")
    assert call(closed, "GET", "/me", made)[0] == 401


def test_a_webhook_is_made_tested_and_removed(visit: Visit) -> None:
    visitor = visit()
    log_in(visitor, "anna", address="#/settings")
    visitor.press("New webhook")
    visitor.do(lambda page: page.get_by_label("URL").fill("http://localhost:9/told?key=k"))
    visitor.do(lambda page: page.get_by_label("was cancelled").uncheck())
    visitor.press("Make the webhook")
    made = visitor.do(lambda page: page.get_by_role("group", name="The webhook is made").inner_text())
    assert made.startswith("whsec_")
    visitor.press("Done")
    visitor.see("done, failed")
    assert made not in visitor.do(lambda page: page.content())
    visitor.press("Test: localhost:9")
    visitor.see("localhost:9 has not taken the test. localhost is an address of this machine")
    visitor.press("Calls: localhost:9")
    visitor.see("There was none in the last week.")
    visitor.do(lambda page: page.get_by_role("dialog").get_by_role("button", name="Close").click())
    visitor.press("Remove: localhost:9")
    visitor.do(lambda page: page.get_by_role("dialog").get_by_role("button", name="Remove").click())
    visitor.see("The webhook of localhost:9 is removed.")


def test_an_admin_adds_a_viewer_who_is_offered_what_a_viewer_may(visit: Visit) -> None:
    admin = visit()
    log_in(admin, "anna", address="#/settings")
    admin.press("Add a user")
    dialog = "Add a user"
    admin.do(lambda page: page.get_by_role("dialog", name=dialog).get_by_label("Name").fill("vera"))
    admin.do(lambda page: page.get_by_role("dialog", name=dialog).get_by_label("Role").select_option("viewer"))
    admin.do(lambda page: page.get_by_role("dialog", name=dialog).get_by_label("Password").fill(PASSWORD))
    admin.press("Add")
    admin.see("vera can log in now.")

    viewer = visit()
    log_in(viewer, "vera")
    heading(viewer, "Jobs")
    links = viewer.do(lambda page: page.get_by_role("navigation").get_by_role("link").all_inner_texts())
    assert links == ["Jobs", "Settings"]
    viewer.go("#/fleet")
    heading(viewer, "This page is not for you")
    viewer.go("#/settings")
    viewer.see("You are vera, Viewer.")
    assert viewer.do(lambda page: page.get_by_role("heading", name="Users").count()) == 0

    admin.press("Remove: vera")
    admin.do(lambda page: page.get_by_role("dialog").get_by_role("button", name="Remove").click())
    admin.see("vera is removed.")
    viewer.go("#/jobs")
    heading(viewer, "Log in to Fallow")


def test_a_session_that_has_ended_leads_to_the_login_and_back(visit: Visit, closed: Platform, token: str) -> None:
    body = {"name": "bert", "role": "submitter", "password": PASSWORD}
    assert call(closed, "POST", "/users", token, body)[0] == 201
    visitor = visit()
    log_in(visitor, "bert")
    heading(visitor, "Jobs")
    another = PASSWORD + " and there"
    assert call(closed, "PATCH", "/users/bert", token, {"password": another})[0] == 200
    visitor.go("#/settings")
    heading(visitor, "Log in to Fallow")
    visitor.see("Your session has ended")
    fill(visitor, Name="bert", Password=another)
    visitor.press("Log in")
    heading(visitor, "Settings")

    visitor.do(lambda page: page.get_by_label("Password now").fill(another))
    visitor.do(lambda page: page.get_by_label("New password").fill(PASSWORD))
    visitor.press("Change password")
    visitor.see("The password is changed.")


SEEN = [{"color_scheme": "light"}, {"color_scheme": "dark"}, {"viewport": {"width": 360, "height": 740}}]


@pytest.mark.parametrize("settings", SEEN)
def test_what_strangers_and_admins_see_is_accessible(settings: dict[str, Any], visit: Visit) -> None:
    visitor = visit(**settings)
    found: dict[str, Any] = {}

    def look(what: str) -> None:
        visitor.do(lambda page: page.evaluate(axe()))
        told = visitor.do(lambda page: page.evaluate("() => axe.run({resultTypes: ['violations']})"))
        for fault in told["violations"]:
            found[f"{what} {fault['id']}"] = [node["html"][:200] for node in fault["nodes"]]
        wide = visitor.do(lambda page: page.evaluate("() => document.documentElement.scrollWidth - innerWidth"))
        if wide > 0:
            found[f"{what} is too wide"] = wide
        visitor.picture(settings.get("color_scheme", "phone"))

    for address in ("#/setup/a-token", "#/join/a-token", "#/login"):
        visitor.go(address)
        visitor.do(lambda page: page.locator("h1").first.wait_for())
        look(address)
    log_in(visitor, "anna", address="#/settings")
    heading(visitor, "Users")
    visitor.do(lambda page: page.get_by_label("Role of anna").wait_for())
    look("#/settings")
    for button in ("New token", "New webhook", "Add a user"):
        visitor.press(button)
        visitor.do(lambda page, button=button: page.get_by_role("dialog", name=button).wait_for())
        look(button)
        visitor.press("Close")
    visitor.go("#/fleet")
    visitor.press("Add a device")
    visitor.do(lambda page: page.get_by_role("img", name="QR code").wait_for())
    look("Add a device")
    assert found == {}
