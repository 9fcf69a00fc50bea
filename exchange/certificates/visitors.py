"""Visitors who ask after numbers: how many wrong ones they may try.

A visitor is known by a network address alone, and that is kept nowhere: guesses are counted under
an HMAC of it, by a key of its own and for one day. An address that stands for a whole home network
(IPv6, 64 bits) counts as one.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from datetime import timedelta
from hashlib import sha256
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any, Final

from exchange.certificates.guesses import Limit, add_guesses, check_guesses
from exchange.certificates.records import civil_day
from exchange.clock import Clock
from exchange.unit_of_work import UnitOfWork

UNKNOWN_NUMBERS: Final = Limit(30, timedelta(minutes=10))
"""Numbers of no certificate, per visitor."""
Network = IPv4Network | IPv6Network
_ABOUT: Final = "numbers"
_PURPOSE: Final = b"yici visitors 1"
_HOME_NETWORK: Final = 64


class Visitors:
    """Counts wrong numbers. ``proxies`` are the networks whose word on an address is taken."""

    def __init__(
        self, work: UnitOfWork[Any, Any], clock: Clock, key: bytes, proxies: Sequence[Network]
    ) -> None:
        self._work = work
        self._clock = clock
        self._key = hmac.new(key, _PURPOSE, sha256).digest()
        self._proxies = tuple(proxies)

    def name_of(self, peer: str | None, forwarded: str | None) -> str:
        """Under what a visitor's guesses are counted today: whoever connected, or where that is
        the hub's own proxy, whoever it says connected to it (the last of X-Forwarded-For)."""
        place = _place(peer)
        if forwarded and self._is_proxy(peer):
            place = _place(forwarded.rsplit(",", 1)[-1].strip())
        told = f"{civil_day(self._clock.now()).isoformat()} {place}"
        return f"visitor:{hmac.new(self._key, told.encode(), sha256).hexdigest()[:32]}"

    def admit(self, visitor: str) -> None:
        """Raise TooManyGuesses where a visitor has asked after too many numbers of nothing."""
        with self._work.read() as connection:
            check_guesses(connection, visitor, [(_ABOUT, UNKNOWN_NUMBERS)], self._clock.now())

    def count(self, visitor: str) -> None:
        """Count a number of nothing."""
        with self._work.begin() as work:
            add_guesses(work.connection, visitor, [_ABOUT], work.now)
            work.commit()

    def _is_proxy(self, peer: str | None) -> bool:
        try:
            address = ip_address(peer or "")
        except ValueError:
            return False
        return any(address in network for network in self._proxies)


def networks(text: str) -> tuple[Network, ...]:
    """Networks in CIDR notation, separated by commas. Raises ValueError."""
    return tuple(ip_network(each.strip()) for each in text.split(",") if each.strip())


def _place(text: str | None) -> str:
    try:
        address = ip_address(text or "")
    except ValueError:
        return "unknown"
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(ip_network((address, _HOME_NETWORK), strict=False))
    return str(address)
