"""Puts materials to cases: by a certificate looked up, by a document reused, by an upload."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa

from certstore.errors import CertstoreError
from certstore.objects import ObjectStore
from exchange.access import Access, Caller, Permitted
from exchange.audit.records import prepare
from exchange.authorizations import repository as authorizations
from exchange.authorizations.facts import standing_for_reuse
from exchange.cases import repository
from exchange.cases.files import clean_file_name, media_type_of
from exchange.cases.reading import case_files, get_material, item_of
from exchange.cases.records import Case, CaseFile, Document, Given
from exchange.cases.service import get_case
from exchange.clock import Clock
from exchange.errors import BadRequest, Conflict, HubError, NotFound
from exchange.governance.snapshot import Governance, Snapshot
from exchange.items.definitions import Item, Material
from exchange.unit_of_work import UnitOfWork, Work
from policies.engine import Decision
from policies.requests import ActRequest

_RELEASED: Final = "released"


@dataclass(frozen=True, slots=True)
class Uploaded:
    """A document as it stands in a case; ``new`` is False where it stood there already."""

    document: Document
    file: CaseFile
    new: bool


class Giving:
    """The room's service for materials."""

    def __init__(
        self,
        work: UnitOfWork[Any, Any],
        governance: Governance,
        access: Access,
        clock: Clock,
        objects: ObjectStore,
    ) -> None:
        self._work = work
        self._governance = governance
        self._access = access
        self._clock = clock
        self._objects = objects

    def by_certificate(
        self, permitted: Permitted, case: UUID, material: str, *, lookup: UUID
    ) -> CaseFile:
        """Put to a case what a lookup released to the department for this very case.

        Raises:
            NotFound: no such case or material, or no such lookup released for it.
            BadRequest: no certificate satisfies this material.
            Conflict: it was given another way, or the certificate is not in force any more.
        """
        with self._work.begin() as work:
            place = self._place(work.connection, get_case(work.connection, case, permitted.department), material)
            stands = place.given.get(material)
            if stands is not None:
                return self._unchanged(work.connection, place, stands.lookup == lookup, work.now)
            way = place.material.certificate
            if way is None or way.certificate_type is None:
                raise BadRequest(
                    "该材料不能以证照提供。", "No certificate satisfies this material."
                )
            _check_released(work.connection, place.case, way.certificate_type, lookup, work.now.date())
            self._give(
                work,
                permitted.caller,
                place,
                Given(material, "certificate", lookup, None, work.now),
                kind="case-material",
                type=way.certificate_type,
                lookup=str(lookup),
            )
            file = self._file(work.connection, place.snapshot, place.case, work.now)
            work.commit()
        return file
