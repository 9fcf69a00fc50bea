"""Keeps the root's revocation list current: whoever pins the root believes nothing without one."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final, Literal

import structlog
from cryptography import x509

from certstore.errors import KeyFault
from exchange.keyring.certifying import ELSEWHERE, Certifying
from exchange.keyring.records import Root

log = structlog.get_logger()
Renewal = Literal["no-root", "fresh", "renewed", "root-elsewhere", "root-unreachable"]
NEAR_ITS_END: Final = 3
"""A list is renewed once less than one part in so many of its life is left."""


def renew_revocation_list(certifying: Certifying) -> Renewal:
    """Sign the revocation list anew where its end is near; else say why not.

    Where the root's key is not at hand, the operators are told in the log: they bring a new list.

    Raises:
        Conflict: other changes of keys were under way again and again.
    """
    root = certifying.changes.keyring.current().root
    if root is None:
        return "no-root"
    now = certifying.changes.now()
    if not is_due(root, now):
        return "fresh"
    if root.place.kind == ELSEWHERE:
        log.warning("revocation list ends soon and the root is elsewhere", days=_days(root, now))
        return "root-elsewhere"
    try:
        certifying.publish_crl()
    except KeyFault as fault:
        log.error(
            "revocation list ends soon and the root's key cannot be used",
            reason=fault.code,
            days=_days(root, now),
        )
        return "root-unreachable"
    log.info("revocation list renewed")
    return "renewed"


def is_due(root: Root, now: datetime) -> bool:
    """Whether a root's list wants renewing; one that is missing does."""
    if root.crl is None:
        return True
    end = root.crl.next_update_utc
    if end is None:
        return True
    return end - now < (end - root.crl.last_update_utc) / NEAR_ITS_END


def left(crl: x509.CertificateRevocationList | None, now: datetime) -> timedelta:
    """How long a list still counts; less than nothing once it does not."""
    if crl is None or crl.next_update_utc is None:
        return timedelta(0)
    return crl.next_update_utc - now


def _days(root: Root, now: datetime) -> int:
    return left(root.crl, now).days
