"""Which network addresses are open to everyone: all others may be the person's own network, and are not for strangers.

Not only private ranges: an address can hold another one inside, and a name may be known in one network only.
"""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Awaitable, Callable, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

#: Names that only a network of one's own knows; where a proxy resolves, they are the only sign.
_INWARD = re.compile(r"(?:^|\.)(?:localhost|local|localdomain|internal|intranet|lan|home|corp|private|home\.arpa)\.?$")
_EMBEDDED = ip_network("64:ff9b::/96")  # an IPv4 address behind a translator

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""Return the addresses of a name and port; OSError where there are none."""


def is_address(host: str) -> bool:
    """Whether a host is written as an address, so that no name server is asked."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def is_inward(host: str) -> bool:
    """Whether a name is one that only a network of one's own knows, or a number in disguise such as 0x7f.1."""
    last = host.rstrip(".").rpartition(".")[2]
    return "." not in host or last[:1].isdigit() or _INWARD.search(host.lower()) is not None


def is_public(address: str) -> bool:
    """Whether an IP address is one of the open internet, also where it holds another one inside."""
    try:
        ip: IPv4Address | IPv6Address = ip_address(address)
    except ValueError:
        return False
    if isinstance(ip, IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (IPv4Address(int(ip) & 0xFFFFFFFF) if ip in _EMBEDDED else None)
        if inner is not None:
            return is_public(str(inner))
        if ip.is_site_local or ip.teredo is not None:
            return False
    return ip.is_global and not (ip.is_multicast or ip.is_reserved or ip.is_unspecified or ip.is_loopback)


async def resolved(host: str, port: int) -> Sequence[str]:
    """Return the addresses of a name, as this machine's resolver gives them; IPv4 first, which more networks carry."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(entry[4][0]) for entry in sorted(found, key=lambda entry: entry[0] != socket.AF_INET)]
