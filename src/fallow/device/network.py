"""Whether bytes cost money here."""

from __future__ import annotations

import re
from collections.abc import Mapping

from fallow.device.asking import ask, ask_json

_MANAGER = (
    *("busctl", "get-property", "org.freedesktop.NetworkManager", "/org/freedesktop/NetworkManager"),
    *("org.freedesktop.NetworkManager", "Metered"),
)
_METERED, _FREE = (1, 3), (2, 4)  # known and guessed


def metered(environment: Mapping[str, str]) -> bool | None:
    """None: nobody knows, or there is no network at all."""
    if "ANDROID_ROOT" in environment or "TERMUX_VERSION" in environment:
        return of_termux(ask_json("termux-wifi-connectioninfo"))
    found = re.match(r"u (\d+)", ask(*_MANAGER))
    if found:
        return True if int(found[1]) in _METERED else False if int(found[1]) in _FREE else None
    return of_nmcli(ask("nmcli", "-t", "-f", "GENERAL.METERED", "device", "show"))


def of_termux(told: Mapping[str, object]) -> bool | None:
    """A phone that is not in a wireless network pays for what it sends."""
    if "supplicant_state" not in told:
        return None
    return not (told["supplicant_state"] == "COMPLETED" and told.get("ip") not in (None, "", "0.0.0.0"))  # noqa: S104


def of_nmcli(told: str) -> bool | None:
    """One line a device, as `GENERAL.METERED:no (guessed)`; one that is metered is enough."""
    answers = set(re.findall(r"GENERAL\.METERED:(yes|no)", told))
    return None if not answers else "yes" in answers
