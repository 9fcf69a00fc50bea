"""What anybody may learn of a certificate by its number alone, as its QR code leads there.

Nothing of the holder and no field: whether there is such a certificate, what kind, whose, how it
stands and since when. It is a verification like any other, and stands in the log as one.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from certstore.certificate_type import Title
from certstore.errors import IdentifierError
from certstore.identifiers import CertificateIdentifier
from certstore.life_cycle import Condition, Timeline
from certstore.status import State
from certstore.verdict import Part
from exchange.access import Access, Caller
from exchange.certificates import repository
from exchange.certificates.records import Certificate, life_of
from exchange.certificates.verification import Verification, Verifications
from exchange.certificates.visitors import Visitors
from exchange.clock import Clock
from exchange.errors import NotFound
from exchange.unit_of_work import UnitOfWork

VISITOR: Final = Caller("visitor", "visitor", None, frozenset())
_LONGEST: Final = 300


@dataclass(frozen=True, slots=True)
class PublicStanding:
    """How the printed version of a certificate stands at ``at``.

    ``usable`` is True only where it is in force, its term runs, and its signature and issuer are
    believed. ``since`` is when the state began, None where that was never. ``begins_at`` is set
    while the version has not taken over yet; ``superseded_by`` is the version that replaced it.
    """

    identifier: str
    type_key: str
    title: Title
    issuer: str
    issuer_name: Title
    version: int
    state: State
    since: datetime | None
    begins_at: datetime | None
    valid_from: date | None
    valid_until: date | None
    superseded_by: int | None
    integrity: Part
    issuer_part: Part
    validity: Part
    usable: bool
    at: datetime


class PublicAnswers:
    """The room's door for everybody."""

    def __init__(
        self,
        work: UnitOfWork[Any, Any],
        access: Access,
        clock: Clock,
        verifications: Verifications,
        visitors: Visitors,
    ) -> None:
        self._work = work
        self._access = access
        self._clock = clock
        self._verifications = verifications
        self.visitors = visitors

    def standing(self, visitor: str, identifier: str) -> PublicStanding:
        """How the certificate of that number stands.

        Raises:
            NotFound: there is none; a number that cannot be one is answered alike, and counted
                against the visitor alike.
            TooManyGuesses: the visitor asked after too many of these.
        """
        self.visitors.admit(visitor)
        permitted = self._access.permit(VISITOR, "verify-certificate")
        try:
            if len(identifier) > _LONGEST:
                raise _unknown()
            found = self._verifications.of_identifier(permitted, identifier)
            if not found.found:
                raise _unknown()
        except (IdentifierError, NotFound):
            self.visitors.count(visitor)
            raise _unknown() from None
        return self._told(found)

    def _told(self, found: Verification) -> PublicStanding:
        wanted = CertificateIdentifier.parse(found.identifier or "")
        key = (wanted.issuer, wanted.type_code, wanted.serial)
        with self._work.read() as connection:
            versions = repository.versions(connection, *key)
            events = repository.events(connection, *key)
        certificate = next(each for each in versions if each.version == wanted.version)
        now = self._clock.now()
        life = life_of(versions, events)
        state, since, begins_at = _stands(life, certificate.version, now)
        integrity, issuer = found.parts["integrity"], found.parts["issuer"]
        validity = found.parts["validity"]
        believed = all(part.outcome == "valid" for part in (integrity, issuer, validity))
        snapshot = self._access.snapshot()
        kind = snapshot.find_type(certificate.type_key, certificate.type_version)
        department = snapshot.departments.get(certificate.issuer)
        named = certificate.issuer
        return PublicStanding(
            identifier=certificate.identifier,
            type_key=certificate.type_key,
            title=kind.title if kind else Title(certificate.type_key, certificate.type_key),
            issuer=named,
            issuer_name=(
                Title(department.name_zh, department.name_en) if department else Title(named, named)
            ),
            version=certificate.version,
            state=state,
            since=since,
            begins_at=begins_at,
            valid_from=certificate.valid_from,
            valid_until=certificate.valid_until,
            superseded_by=_successor(life, versions, certificate.version, now),
            integrity=integrity,
            issuer_part=issuer,
            validity=validity,
            usable=state is State.VALID and believed,
            at=now,
        )


def _stands(
    life: Timeline, version: int, now: datetime
) -> tuple[State, datetime | None, datetime | None]:
    """The state of a version, since when, and when it takes over where that is to come."""
    condition = life.condition_of(version, now)
    if condition is None:
        return State.OTHER, None, life.begins_at(version)
    period = life.at(now)
    if period is not None and period.version == version:
        return condition.state, period.since, None
    after = [each.since for each in life.periods if each.version > version and each.since <= now]
    return Condition.VOID.state, min(after, default=None), None


def _successor(
    life: Timeline, versions: list[Certificate], version: int, now: datetime
) -> int | None:
    """The version in whose favour this one gave way."""
    period = life.at(now)
    if period is None or period.version <= version:
        return None
    return period.version if any(each.version == period.version for each in versions) else None


def _unknown() -> NotFound:
    return NotFound(
        "本库没有这个编号的证照。请逐字核对编号；如编号无误而查无此证,证照可能是伪造的。",
        "There is no certificate of this number here. Compare it character by character; if it is"
        " as printed, the certificate may be forged.",
    )
