"""What stands on a certificate, as plain data: all that a drawing needs, and nothing else.

Values are prepared for showing: control characters and those that reverse the direction of text
are left out, because a name that turns its surroundings round would show another certificate.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Final

from certstore.certificate_type import CertificateType, FieldDefinition, Template, Title
from certstore.holders import Holder
from certstore.identifiers import CertificateIdentifier

MOST_CHARACTERS: Final = 20_000
"""Of one value; more is cut, and the drawing says so. The attached data has it whole."""

GETA: Final = "〓"
"""What printers put where they have no type for a character."""

_NO_TEMPLATE: Final = Template()
_KEPT: Final = frozenset("\n\u200c\u200d")


@dataclass(frozen=True, slots=True)
class Line:
    """One field on the face: its titles and its value as it is shown."""

    name: str
    title: Title
    value: str = field(repr=False)
    metadata: str | None = None


@dataclass(frozen=True, slots=True)
class Annotation:
    """加注 · what makes a copy an annotated one: who made it, for which case, why, until when.

    `made_at` is aware; `valid_until` is the last day on which the copy may be used.
    """

    made_at: datetime
    maker: Title
    reason: str = field(repr=False)
    valid_until: date
    case_number: str | None = None


@dataclass(frozen=True, slots=True)
class Face:
    """One version of a certificate as it is drawn.

    `qr` is what the QR code says. `credential` is the SD-JWT VC that travels inside the file, or
    None. `partial` is true where only some fields are shown.
    """

    type_key: str
    type_code: str
    title: Title
    identifier: str
    issuer_code: str
    issuer: Title
    holder_name: str | None = field(repr=False)
    holder_id: str | None = field(repr=False)
    holder_id_type: str | None
    holder_id_title: Title | None
    lines: tuple[Line, ...] = field(repr=False)
    issued_on: date
    valid_from: date | None
    valid_until: date | None
    qr: str
    credential: str | None = field(default=None, repr=False)
    partial: bool = False
    annotation: Annotation | None = None
    template: Template = _NO_TEMPLATE


def face_of(
    kind: CertificateType,
    identifier: CertificateIdentifier | str,
    *,
    issuer_code: str,
    issuer: Title,
    holder: Holder | None,
    fields: Mapping[str, Any],
    issued_on: date,
    valid_from: date | None,
    valid_until: date | None,
    qr: str,
    credential: str | None = None,
    annotation: Annotation | None = None,
    only: Iterable[str] | None = None,
) -> Face:
    """The face of a certificate of `kind`, its fields in the order of the type.

    With `only`, those fields and no others are shown. `holder` is None where the holder is not
    to be named.
    """
    named = None if only is None else frozenset(only)
    lines = tuple(
        Line(one.name, one.title, shown(fields[one.name], one), one.metadata)
        for one in kind.fields
        if one.name in fields and (named is None or one.name in named)
    )
    id_type = None if holder is None else kind.holder_ids.get(holder.id_type)
    return Face(
        type_key=kind.key,
        type_code=kind.code,
        title=kind.title,
        identifier=str(identifier),
        issuer_code=issuer_code,
        issuer=issuer,
        holder_name=None if holder is None else clean(holder.name),
        holder_id=None if holder is None else clean(holder.id),
        holder_id_type=None if holder is None else holder.id_type,
        holder_id_title=None if id_type is None else Title(id_type.zh, id_type.en),
        lines=lines,
        issued_on=issued_on,
        valid_from=valid_from,
        valid_until=valid_until,
        qr=qr,
        credential=credential,
        partial=named is not None and any(name not in named for name in fields),
        annotation=annotation,
        template=kind.template,
    )


def shown(value: Any, definition: FieldDefinition | None = None) -> str:
    """A field's value as people read it; a date in the way certificates write it."""
    if value is None:
        return "—"
    if isinstance(value, bool):
        return "是 Yes" if value else "否 No"
    if isinstance(value, str):
        if definition is not None and definition.schema.get("format") == "date":
            return civil_date(value)
        return clean(value)
    if isinstance(value, Mapping):
        return "；".join(f"{clean(str(name))}：{shown(each)}" for name, each in value.items())
    if isinstance(value, (list, tuple)):
        return "、".join(shown(each) for each in value)
    return clean(str(value))


def civil_date(value: date | str) -> str:
    """`2026年3月5日` for a day or its ISO 8601 text; another text as it is."""
    if isinstance(value, str):
        try:
            on = date.fromisoformat(value)
        except ValueError:
            return clean(value)
    else:
        on = value
    return f"{on.year}年{on.month}月{on.day}日"


def clean(text: str) -> str:
    """`text` without characters that are not seen and change what is: controls, direction marks."""
    whole = text[:MOST_CHARACTERS].replace("\r\n", "\n").replace("\t", " ")
    cut = "……" if len(text) > MOST_CHARACTERS else ""
    return "".join(map(_seen, whole)).strip() + cut


def _seen(character: str) -> str:
    if character in _KEPT:
        return character
    category = unicodedata.category(character)
    if category in {"Cc", "Cf"}:
        return ""
    return GETA if category == "Cs" else character
