"""What a server may call for others: public addresses, and what its administrator allows, however spelled."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterator
from contextlib import closing

import pytest

from fallow.addresses import PUBLIC, Reach, is_public, open_socket
from fallow.errors import BadSetting, NotAllowed, Unavailable
from fallow.fetching import file_name, is_address, shown

HOME = Reach.told("127.0.0.0/8", "the test")


PRIVATE = """
    0.0.0.1 10.1.2.3 100.64.0.1 100.100.100.200 127.0.0.1 127.255.255.254 168.63.129.16 169.254.169.254 172.16.0.1
    172.31.255.255 192.0.0.192 192.0.2.1 192.88.99.1 192.168.1.1 198.18.0.1 198.51.100.1 203.0.113.1 224.0.0.1
    239.255.255.250 240.0.0.1 255.255.255.255
    :: ::1 ::7f00:1 ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:169.254.169.254 64:ff9b::7f00:1 64:ff9b::a00:1
    64:ff9b:1::808:808 2002:7f00:1:: 2002:808:808::1 2001:0:808:808::1 2001:db8::1 3fff::1 fc00::1 fd00:ec2::254
    fe80::1 fe80::1%1 fec0::1 ff02::1 100::1 4000::1
"""
PUBLIC_ONES = """
    1.1.1.1 8.8.8.8 100.63.255.255 100.128.0.1 172.15.0.1 172.32.0.1 192.167.0.1 223.255.255.1
    2606:4700::1111 2a00:1450:4001::1 ::ffff:8.8.8.8 64:ff9b::808:808
"""


@pytest.mark.parametrize("address", PRIVATE.split())
def test_addresses_that_are_not_public(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))
    assert not PUBLIC.has(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", PUBLIC_ONES.split())
def test_public_addresses(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


def test_an_administrator_allows_networks_and_single_addresses() -> None:
    reach = Reach.told("10.0.0.0/8, 192.168.1.20  fd12::/16", "FALLOW_X")
    allowed = ("10.1.2.3", "::ffff:10.1.2.3", "192.168.1.20", "fd12::5", "8.8.8.8")
    assert [text for text in allowed if not reach.has(ipaddress.ip_address(text))] == []
    refused = ("192.168.1.21", "127.0.0.1", "fd13::5", "169.254.169.254")
    assert [text for text in refused if reach.has(ipaddress.ip_address(text))] == []


@pytest.mark.parametrize("text", ["10.0.0.1/8", "local", "10.0.0.0/33"])
def test_a_setting_that_is_no_network_is_named(text: str) -> None:
    with pytest.raises(BadSetting, match=r"FALLOW_X: .*10\.0\.0\.0/8"):
        Reach.told(text, "FALLOW_X")


@pytest.fixture
def listening() -> Iterator[int]:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        yield server.getsockname()[1]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.1", "2130706433", "0x7f000001", "0"])
def test_this_machine_is_not_called_whatever_it_is_called(host: str, listening: int) -> None:
    with pytest.raises(NotAllowed, match="administrator"):
        open_socket(host, listening, PUBLIC, 5.0)


def test_a_name_that_changes_its_meaning_gains_nothing(listening: int) -> None:
    """The one answer that is checked is the one that is called."""
    asked: list[str] = []

    def resolve(host: str, port: int, type: int) -> list[tuple[object, ...]]:
        asked.append(host)
        address = "10.255.255.1" if len(asked) > 1 else "127.0.0.1"
        return [(socket.AF_INET, type, 0, "", (address, port))]

    with open_socket("changing.example", listening, HOME, 5.0, resolve) as made:
        assert made.getpeername() == ("127.0.0.1", listening)
    assert asked == ["changing.example"]


def test_of_several_addresses_only_those_that_may_be_called_are(listening: int) -> None:
    """The first is private, the second answers nobody, the third does."""

    def resolve(host: str, port: int, type: int) -> list[tuple[object, ...]]:
        places = (("10.0.0.1", port), ("127.0.0.1", 1), ("127.0.0.1", port))
        return [(socket.AF_INET, type, 0, "", place) for place in places]

    with open_socket("several.example", listening, HOME, 30.0, resolve) as made:
        assert made.getpeername() == ("127.0.0.1", listening)


def test_who_does_not_answer_and_what_is_no_name_are_told() -> None:
    def unknown(*_: object, **__: object) -> list[tuple[object, ...]]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    with pytest.raises(Unavailable, match="cannot be reached"):
        open_socket("127.0.0.1", 1, HOME, 5.0)
    with pytest.raises(Unavailable, match=r"cannot be resolved \(Name"):
        open_socket("no-such-host.invalid", 80, HOME, 5.0, unknown)
    with pytest.raises(Unavailable, match="cannot be resolved"):
        open_socket("a" * 80 + ".example", 80, HOME, 5.0)


def test_what_is_shown_of_an_address_is_no_secret():
    assert (
        shown("https://ann:pa@ss@Films.example:8443/a/b%20c.mp4?sig=1#x")
        == "https://Films.example:8443/a/b%20c.mp4"
    )
    assert file_name("https://films.example/a/b%20c.mp4?sig=1") == "b c.mp4"
    assert file_name("https://films.example") == "films.example"
    assert is_address("HTTPS://films.example/a")
    assert not is_address("talk.mp4")
