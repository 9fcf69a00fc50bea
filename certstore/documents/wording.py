"""The texts that stand on every certificate beside its own data, in 中文 and English."""

from __future__ import annotations

import re
from datetime import date
from typing import Any, Final

from certstore.certificate_type import Title
from certstore.documents.face import Annotation, Face, civil_date

SEAL_PURPOSE: Final = "电子证照专用章"
SEAL_ALT: Final = "{zh}电子证照专用章 · seal of {en}"
QR_ALT: Final = "二维码 · QR code: {text}"
NOTE: Final = Title(
    "本文件由颁发机构加盖电子签章，内附签名的证照数据。打印件无签章效力，请扫码或上传原文件核验。",
    "Sealed electronically by its issuer, with the signed data attached. A print proves nothing:"
    " scan the code or upload the file.",
)
_VALIDITY: Final = Title("有效期限", "Valid")
_MONTHS: Final = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
# No line can break in a longer run of characters without a space.
_UNBROKEN: Final = re.compile(r"[!-~]{24}(?=[!-~])")


def rows_of(face: Face) -> list[dict[str, Any]]:
    """What is listed on a face, in order: the holder where no field names it, fields, validity."""
    values = {line.value for line in face.lines}
    titles = {line.metadata for line in face.lines}
    rows: list[dict[str, Any]] = []
    if face.holder_name is not None and face.holder_name not in values and "CZZT" not in titles:
        rows.append(_row("holder.name", Title("持证主体", "Holder"), face.holder_name))
    if (
        face.holder_id is not None
        and face.holder_id_title is not None
        and face.holder_id not in values
    ):
        rows.append(_row("holder.id", face.holder_id_title, face.holder_id))
    rows += [_row(line.name, line.title, line.value) for line in face.lines]
    if face.valid_from is not None or face.valid_until is not None:
        rows.append(_row("validity", _VALIDITY, validity_of(face.valid_from, face.valid_until)))
    return rows


def _row(name: str, title: Title, value: str) -> dict[str, Any]:
    return {"name": name, "zh": title.zh, "en": title.en, "value": breakable(value)}


def breakable(text: str) -> str:
    """`text` with a place to break in every long run of Latin characters."""
    return _UNBROKEN.sub(lambda found: found[0] + "\u200b", text)


def validity_of(valid_from: date | None, valid_until: date | None) -> str:
    """A period as certificates state it; one without an end is 长期."""
    begins = civil_date(valid_from) if valid_from else ""
    if valid_until is None:
        return f"{begins}至长期 · no end" if begins else "长期 · no end"
    return f"{begins}至{civil_date(valid_until)}"


def english_date(on: date) -> str:
    """`5 March 2026`."""
    return f"{on.day} {_MONTHS[on.month - 1]} {on.year}"


def watermark_of(annotation: Annotation) -> list[str]:
    """The lines that stand across an annotated copy."""
    lines = [f"仅供{annotation.maker.zh}使用"]
    if annotation.case_number is not None:
        lines.append(f"办件编号 {annotation.case_number}")
    return [*lines, f"有效期至{civil_date(annotation.valid_until)}"]


def annotation_rows(annotation: Annotation, made_at: str) -> list[list[str]]:
    """The rows of an annotation: title in 中文, in English, value."""
    rows = [
        ["制作单位", "Made by", f"{annotation.maker.zh} {annotation.maker.en}"],
        ["制作时间", "Made at", made_at],
        ["事由", "Reason", breakable(annotation.reason)],
    ]
    if annotation.case_number is not None:
        rows.append(["办件编号", "Case", breakable(annotation.case_number)])
    rows.append(["有效期至", "Use until", civil_date(annotation.valid_until)])
    return rows
