"""Which addresses a server may call because somebody told it to: public ones, and those that its admin allows.

Whoever gives a server a URL to call could reach with it what only the server reaches: its own services, those of
its network, the metadata of its cloud. So a name is resolved once, what it means is checked, and the connection is
made to exactly the address that was checked: another answer of the name's server a moment later changes nothing.
"""

from __future__ import annotations

import ipaddress
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fallow.errors import BadSetting, NotAllowed, Unavailable

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Resolve = Callable[..., list[tuple[Any, ...]]]  # as socket.getaddrinfo

# IANA's registry of special addresses, and one more.
_RESERVED = [
    ipaddress.ip_network(text)
    for text in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # behind a provider's NAT
        "127.0.0.0/8",  # this machine
        "168.63.129.16/32",  # Azure's own services, from inside of it
        "169.254.0.0/16",  # this link; clouds have their metadata here
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocols; some clouds have their metadata here
        "192.0.2.0/24",  # documentation
        "192.88.99.0/24",  # relays of 6to4
        "192.168.0.0/16",  # private
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and broadcast
        "2001::/23",  # protocols, Teredo among them
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4, which may lead to any IPv4 address
        "3fff::/20",  # documentation
    )
]
_UNICAST = ipaddress.ip_network("2000::/3")  # outside of it, no IPv6 address is anybody's in particular
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


@dataclass(frozen=True)
class Reach:
    """What may be called besides public addresses."""

    networks: tuple[Network, ...] = ()

    @classmethod
    def told(cls, text: str, setting: str) -> Reach:
        """From addresses and networks with spaces or commas between. Raises BadSetting, which names the setting."""
        try:
            return cls(tuple(ipaddress.ip_network(word) for word in text.replace(",", " ").split()))
        except ValueError as error:
            raise BadSetting(f"{setting}: {error}; write networks like 10.0.0.0/8 or 192.168.1.20.") from None

    def has(self, address: Address) -> bool:
        """Whether this address may be called."""
        meant = _meant(address)
        return is_public(meant) or any(meant in network or address in network for network in self.networks)


PUBLIC = Reach()


def is_public(address: Address) -> bool:
    """Whether it is an address that means the same in all of the Internet."""
    meant = _meant(address)
    if meant.version == 6 and meant not in _UNICAST:
        return False
    return not any(meant in network for network in _RESERVED)


def open_socket(
    host: str, port: int, reach: Reach, seconds: float, resolve: Resolve = socket.getaddrinfo
) -> socket.socket:
    """A connection to a host, at one of those of its addresses that may be called; blocks for so long at most, not
    counting the name's resolution. Raises NotAllowed when it has none of these, Unavailable when nobody answers."""
    found = places(host, port, reach, resolve)
    until = time.monotonic() + seconds
    for left, (family, place) in zip(range(len(found), 0, -1), found, strict=True):
        made = socket.socket(family, socket.SOCK_STREAM)
        try:
            made.settimeout(max(0.1, (until - time.monotonic()) / left))
            made.connect(place)
        except OSError as error:
            made.close()
            why = error.strerror or str(error) or "no answer"
        except BaseException:
            made.close()
            raise
        else:
            made.settimeout(seconds)
            return made
    raise Unavailable(f"{host} cannot be reached ({why}).")


def places(
    host: str, port: int, reach: Reach, resolve: Resolve = socket.getaddrinfo
) -> list[tuple[int, tuple[Any, ...]]]:
    """Families and addresses for `connect`, of which each may be called. Raises as `open_socket` does."""
    try:
        found = resolve(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:  # a name that cannot be one raises the latter
        why = getattr(error, "strerror", None) or "it is no name"
        raise Unavailable(f"The name {host} cannot be resolved ({why}); is it spelled right?") from error
    allowed = [(family, place) for family, _, _, _, place in found if reach.has(ipaddress.ip_address(place[0]))]
    if not allowed:
        raise NotAllowed(
            f"{host} is an address of this machine or of a private network, which this server does not call for "
            "others; take a public one, or have its administrator allow this one."
        )
    return allowed


def _meant(address: Address) -> Address:
    """Some IPv6 addresses are other spellings of IPv4 ones."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address in _NAT64:
            return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address
