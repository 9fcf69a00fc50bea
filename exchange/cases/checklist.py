"""What a case still needs: one line per material of its item. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime
from uuid import UUID

from exchange.authorizations.facts import in_force
from exchange.authorizations.records import Authorization
from exchange.cases.records import Document, Entry, Given
from exchange.items.definitions import Item, Material, Way


def checklist(
    item: Item,
    *,
    given: Mapping[str, Given],
    authorizations: Collection[Authorization],
    types_in_force: Collection[str],
    documents: Mapping[str, Document],
    by_duty: Callable[[Way], bool],
    now: datetime,
) -> tuple[Entry, ...]:
    """The checklist of a case, in the order of the item's materials.

    ``authorizations`` are those of the case. ``types_in_force`` are the certificate types the
    holder has in the library, ``documents`` the newest document of each kind the holder gave,
    in whatever case. ``by_duty`` says whether a statutory rule lets the department look a
    certificate up without being asked to.
    """

    def line(material: Material) -> Entry:
        stands = given.get(material.code)
        if stands is not None:
            return Entry(
                material.code,
                "given",
                how=stands.how,
                given_at=stands.given_at,
                lookup=stands.lookup,
                document=stands.document,
            )
        mine = [each for each in authorizations if each.material == material.code]
        open_to = list(_ways(material, mine, types_in_force, documents, by_duty, now))
        usable = next((entry for entry in open_to if entry.state != "needs-authorization"), None)
        return usable or next(iter(open_to), Entry(material.code, "to-be-given"))

    return tuple(line(material) for material in item.materials)


def _ways(
    material: Material,
    authorizations: Collection[Authorization],
    types_in_force: Collection[str],
    documents: Mapping[str, Document],
    by_duty: Callable[[Way], bool],
    now: datetime,
) -> Iterable[Entry]:
    for way in material.ways:
        if way.certificate_type is not None and way.certificate_type in types_in_force:
            yield _certificate(material, way, authorizations, by_duty, now)
        elif way.material_kind is not None and way.material_kind in documents:
            yield _document(material, way, authorizations, documents[way.material_kind], now)


def _certificate(
    material: Material,
    way: Way,
    authorizations: Collection[Authorization],
    by_duty: Callable[[Way], bool],
    now: datetime,
) -> Entry:
    about = [each for each in authorizations if each.certificate_type == way.certificate_type]
    usable = next((each for each in about if in_force(each.facts, now) == "valid"), None)
    if usable is not None:
        return Entry(
            material.code,
            "held",
            certificate_type=way.certificate_type,
            basis=usable.basis,
            authorization=usable.id,
            fields=usable.fields,
        )
    if by_duty(way):
        return Entry(
            material.code,
            "held",
            certificate_type=way.certificate_type,
            basis="statutory",
            fields=way.fields,
        )
    return Entry(
        material.code,
        "needs-authorization",
        certificate_type=way.certificate_type,
        asked=_asked(about),
        fields=way.fields,
    )


def _document(
    material: Material,
    way: Way,
    authorizations: Collection[Authorization],
    document: Document,
    now: datetime,
) -> Entry:
    about = [each for each in authorizations if each.material_kind == way.material_kind]
    usable = next((each for each in about if in_force(each.facts, now) == "valid"), None)
    if usable is not None:
        return Entry(
            material.code,
            "reusable",
            material_kind=way.material_kind,
            basis=usable.basis,
            authorization=usable.id,
            document=document.id,
        )
    return Entry(
        material.code,
        "needs-authorization",
        material_kind=way.material_kind,
        asked=_asked(about),
    )


def _asked(authorizations: Collection[Authorization]) -> UUID | None:
    waiting = (each.id for each in authorizations if each.state == "requested")
    return next(waiting, None)
