"""What must hold before a material is put to a case."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa

from certstore.errors import ObjectError
from exchange.access import Permitted
from exchange.authorizations.facts import standing_for_reuse
from exchange.authorizations.records import Authorization
from exchange.cases import repository
from exchange.cases.records import Case, Document, Given
from exchange.errors import BadRequest, Conflict, NotFound, Unavailable
from exchange.governance.snapshot import Snapshot
from exchange.items.definitions import Item, Material
from policies.decisions import Decision
from policies.requests import ActRequest


@dataclass(frozen=True, slots=True)
class Place:
    """Where a material is put: a locked case, its item, and what stands there already."""

    snapshot: Snapshot
    case: Case
    item: Item
    material: Material
    given: dict[str, Given]

    @property
    def stands(self) -> Given | None:
        return self.given.get(self.material.code)


@contextmanager
def reachable() -> Iterator[None]:
    """Turn an object store that cannot be reached into :class:`Unavailable`."""
    try:
        yield
    except ObjectError as error:
        if error.code == "unavailable":
            raise Unavailable(error.zh, error.en, headers={"Retry-After": "5"}) from error
        raise


def check_same(same: bool) -> None:
    """Raise Conflict unless what is given is what stands there already."""
    if not same:
        raise given_otherwise()


def given_otherwise() -> Conflict:
    """The error where a material stands in the case by another way."""
    return Conflict(
        "该材料已以其他方式提供,或办件材料已齐全。",
        "The material was given another way, or the case is complete.",
    )


def check_released(
    connection: sa.Connection, case: Case, certificate_type: str, lookup: UUID, now: datetime
) -> None:
    """Raise NotFound unless a lookup released this type to the department for this very case,
    Conflict where the certificate is not in force any more."""
    record = repository.find_lookup_record(connection, lookup, holder_key=case.holder_key)
    wanted = {
        "department": case.department,
        "case": case.case_number,
        "item": case.item,
        "type": certificate_type,
        "outcome": "released",
    }
    if record is None or any(record.get(name) != value for name, value in wanted.items()):
        raise NotFound(
            "没有为本办件向本部门提供过该证照的查验。",
            "No such lookup of this certificate type was released to the department for this case.",
        )
    if not repository.types_in_force(connection, case.holder_key, [certificate_type], now):
        raise Conflict(
            "该证照现已失效,不能作为材料。",
            "The certificate is not in force any more; it cannot serve as a material.",
        )


def check_newest(connection: sa.Connection, place: Place, document: Document) -> None:
    """Raise BadRequest for a document of another kind, Conflict for one that was superseded."""
    way = place.material.document
    if way is None or way.material_kind != document.kind:
        raise BadRequest(
            "该材料不能以这种文件提供。", "A document of this kind does not satisfy the material."
        )
    newest = repository.newest_documents(connection, document.holder_key, [document.kind])
    if newest[document.kind].id != document.id:
        raise Conflict(
            "申请人已提交更新的文件,请使用新的文件。",
            "The applicant gave a newer document since; use that one.",
        )


def may_reuse(
    permitted: Permitted,
    place: Place,
    kind: str,
    authorization: Authorization | None,
    now: datetime,
) -> Decision:
    """The policy's verdict on reusing a document of this kind under this authorization."""
    return place.snapshot.policy.decide_act(
        ActRequest(
            actor_kind=permitted.caller.kind,
            department=permitted.caller.department,
            scopes=permitted.caller.scopes,
            act="reuse-material",
            resource_department=place.case.department,
            authorization=standing_for_reuse(
                authorization.facts if authorization else None,
                holder_key=place.case.holder_key,
                department=permitted.department,
                item=place.case.item,
                case_number=place.case.case_number,
                material_kind=kind,
                now=now,
            ),
        )
    )


def uploaded_before(connection: sa.Connection, place: Place) -> Document | None:
    """The document that was uploaded for this material before."""
    if place.stands is None or place.stands.how != "upload" or place.stands.document is None:
        return None
    return repository.find_document(
        connection, place.stands.document, holder_key=place.case.holder_key
    )


def get_document(connection: sa.Connection, document: UUID, holder_key: bytes) -> Document:
    """A document of this holder. Raises NotFound."""
    found = repository.find_document(connection, document, holder_key=holder_key)
    if found is None:
        raise NotFound("没有该文件。", "There is no such document.")
    return found


def get_case_of_holder(connection: sa.Connection, case: UUID, holder_key: bytes) -> Case:
    """A case about this holder. Raises NotFound."""
    found = repository.find_case_of_holder(connection, case, holder_key=holder_key)
    if found is None:
        raise NotFound("没有该办件。", "There is no such case.")
    return found
