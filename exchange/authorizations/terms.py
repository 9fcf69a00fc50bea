"""What may be asked and what may be granted: within the item's list, and never more. Pure."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal

from exchange.authorizations.records import Authorization
from exchange.items.definitions import Item, Way
from policies.decisions import Reason

BEYOND_ITEM = Reason(
    "request-beyond-item",
    "所请求的材料、方式或字段超出该事项列明的范围",
    "the material, way or fields asked for go beyond what the service item lists",
)
WIDER_THAN_ASKED = Reason(
    "grant-wider-than-asked",
    "同意的字段、次数或天数超出所请求的范围;只能缩小,不能扩大",
    "the grant goes beyond the fields, uses or days asked for: it may narrow, never widen",
)


@dataclass(frozen=True, slots=True)
class Asked:
    """What a department asks for one material. ``way`` and ``fields`` default to the item's."""

    material: str
    uses: int
    days: int
    basis: Literal["holder", "entrusted"]
    way: Literal["certificate", "document"] | None = None
    fields: frozenset[str] | None = None


def find_way(item: Item, asked: Asked) -> Way | None:
    """The way asked for, where the item lists it with these fields."""
    material = item.find_material(asked.material)
    if material is None:
        return None
    if asked.way is None:
        way = material.certificate or material.document
    else:
        way = material.certificate if asked.way == "certificate" else material.document
    if way is None or not (asked.fields or frozenset()) <= way.fields:
        return None
    return way


def terms(authorization: Authorization) -> tuple[Any, ...]:
    """What two requests have in common where they ask for the same."""
    return (
        authorization.certificate_type,
        authorization.material_kind,
        authorization.fields,
        authorization.uses_max,
        authorization.valid_days,
        authorization.basis,
    )


def narrowed(
    asked: Authorization,
    *,
    fields: Collection[str] | None,
    uses: int | None,
    days: int | None,
    now: datetime,
) -> Authorization | None:
    """What was asked, granted from now on with these limits; None where they are wider."""
    granted = replace(
        asked,
        state="granted",
        fields=asked.fields if fields is None else frozenset(fields),
        uses_max=asked.uses_max if uses is None else uses,
        valid_days=asked.valid_days if days is None else days,
        decided_at=now,
        valid_from=now,
    )
    if (
        not granted.fields <= asked.fields
        or granted.uses_max > asked.uses_max
        or granted.valid_days > asked.valid_days
    ):
        return None
    return replace(granted, valid_until=now + timedelta(days=granted.valid_days))
