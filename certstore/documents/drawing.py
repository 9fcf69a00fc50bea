"""Drawing: a face becomes a PDF (PDF/A-3a and PDF/UA-1 at once), a PNG or an SVG, by typst.

Everything that differs between certificates reaches the template as one JSON input, so no value
can become a part of it. The same face at the same moment gives the same bytes.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, Literal

import orjson
import segno
import typst

from certstore.documents.face import GETA, Annotation, Face, civil_date
from certstore.documents.fonts import FontSet, load_fonts
from certstore.documents.looks import Look, Looks, packaged
from certstore.documents.metadata import (
    CREDENTIAL_NAME,
    CREDENTIAL_TYPE,
    METADATA_NAME,
    civil_time,
    metadata_json,
)
from certstore.documents.wording import (
    NOTE,
    QR_ALT,
    SEAL_ALT,
    SEAL_PURPOSE,
    annotation_rows,
    english_date,
    rows_of,
    watermark_of,
)
from certstore.errors import DocumentError

Kind = Literal["pdf", "png", "svg"]

PDF_STANDARDS: Final[list[Literal["a-3a", "ua-1"]]] = ["a-3a", "ua-1"]
MOST_SEAL_BYTES: Final = 512 * 1024
SCREEN_PPI: Final = 110.0

_MISSING: Final = re.compile(r'the text `"(.+?)"` could not be displayed')
_ESCAPE: Final = re.compile(r"\\u\{([0-9a-f]{1,6})\}")
_MOST_ROUNDS: Final = 4
_PNG: Final = b"\x89PNG\r\n\x1a\n"


class Drawer:
    """Draws certificates with one set of fonts and looks. Safe to share between threads.

    `fonts` is a folder of fonts (None: those of the system, else a wheel); `looks` a folder of
    templates and options beside those that come with the library.

    Raises DocumentError `no-chinese-font`, `look-invalid`.
    """

    def __init__(self, fonts: Path | None = None, looks: Path | None = None) -> None:
        self._fonts = load_fonts(fonts)
        self._looks = Looks(looks)

    def pdf(self, face: Face, at: datetime, *, seal_picture: bytes | None = None) -> bytes:
        """The certificate as a PDF of A4 pages, with its credential and metadata attached.

        `at` (aware) is when it is made. `seal_picture` is the department's own seal as SVG or
        PNG; without one a round seal is drawn from the department's name.

        Raises DocumentError `seal-picture-invalid`, `not-drawable`.
        """
        (only,) = self._draw(face, at, "pdf", seal_picture)
        return only

    def picture(
        self,
        face: Face,
        at: datetime,
        kind: Literal["png", "svg"],
        *,
        ppi: float = SCREEN_PPI,
        seal_picture: bytes | None = None,
    ) -> list[bytes]:
        """The certificate's pages as pictures for a screen; raises like `pdf`."""
        return self._draw(face, at, kind, seal_picture, ppi=ppi)

    def _draw(
        self,
        face: Face,
        at: datetime,
        kind: Kind,
        seal_picture: bytes | None,
        *,
        ppi: float | None = None,
    ) -> list[bytes]:
        look = self._looks.of(face.type_key, face.template)
        seal = self._seal(face.issuer.zh, seal_picture)
        data = _data_of(face, at, look, seal, self._fonts)
        for _ in range(_MOST_ROUNDS):
            try:
                return self._compiled(look.template, data, kind, at, ppi)
            except typst.TypstError as error:
                # The standards refuse a text that a font cannot show. What no font here has is
                # shown as 〓; the attached data still says it.
                missing = sorted(set(map(_unescaped, _MISSING.findall(str(error)))), key=len)[::-1]
                if not missing:
                    raise _not_drawable() from None
                data = _without(data, missing)
        raise _not_drawable()

    def _seal(self, name: str, own: bytes | None) -> str:
        if own is not None:
            return _as_svg(own)
        # A seal is drawn once for each department and then kept as outlines.
        return _drawn_seal(self._fonts, name)

    def _compiled(
        self, template: str, data: Mapping[str, Any], kind: Kind, at: datetime, ppi: float | None
    ) -> list[bytes]:
        return _compile(
            self._fonts,
            template,
            data,
            kind,
            timestamp=int(at.timestamp()),
            ppi=ppi,
        )


def _unescaped(text: str) -> str:
    return _ESCAPE.sub(lambda found: chr(int(found[1], 16)), text)


def _data_of(face: Face, at: datetime, look: Look, seal: str, fonts: FontSet) -> dict[str, Any]:
    return {
        "look": look.options(),
        "fonts": [*fonts.families, "Libertinus Serif"],
        "document": {
            "title": f"{face.title.zh} {face.title.en}",
            "author": face.issuer.zh,
            "description": f"{face.title.zh} · {face.identifier}",
            "keywords": [face.type_code, face.identifier],
        },
        "title": face.title.as_dict(),
        "identifier": face.identifier,
        "issuer": face.issuer.as_dict(),
        "issued_on": {"zh": civil_date(face.issued_on), "en": english_date(face.issued_on)},
        "rows": [
            {**row, "large": row["name"] in look.large, "wide": row["name"] in look.wide}
            for row in rows_of(face)
        ],
        "note": NOTE.as_dict(),
        "qr": _qr(face.qr),
        "qr_alt": QR_ALT.format(text=face.qr),
        "seal": seal,
        "seal_alt": SEAL_ALT.format(zh=face.issuer.zh, en=face.issuer.en),
        "annotation": _annotation_of(face.annotation, partial=face.partial),
        "attachments": _attachments(face, at),
    }


def _annotation_of(annotation: Annotation | None, *, partial: bool) -> dict[str, Any] | None:
    if annotation is None:
        return None
    return {
        "watermark": watermark_of(annotation),
        "scope": (
            "仅显示获准提供的项目 · shows only the fields that were released" if partial else ""
        ),
        "rows": annotation_rows(annotation, civil_time(annotation.made_at)),
    }


def _attachments(face: Face, at: datetime) -> list[dict[str, str]]:
    attached = [
        {
            "name": METADATA_NAME,
            "content": metadata_json(face, at),
            "relationship": "supplement",
            "media_type": "application/json",
            "description": "证照元数据 · certificate metadata (GB/T 36903)",
        }
    ]
    if face.credential is not None:
        attached.append(
            {
                "name": CREDENTIAL_NAME,
                "content": face.credential,
                "relationship": "data",
                "media_type": CREDENTIAL_TYPE,
                "description": "签名的证照数据 · the signed certificate (SD-JWT VC)",
            }
        )
    return attached


def _without(data: Mapping[str, Any], missing: list[str]) -> dict[str, Any]:
    """`data` with what cannot be shown replaced, except in what is attached."""

    def replaced(value: Any) -> Any:
        if isinstance(value, str):
            for text in missing:
                value = value.replace(text, GETA)
            return value
        if isinstance(value, list):
            return [replaced(each) for each in value]
        if isinstance(value, dict):
            return {name: replaced(each) for name, each in value.items()}
        return value

    kept = {"attachments", "qr", "seal", "fonts", "look", "document"}
    return {name: each if name in kept else replaced(each) for name, each in data.items()}


@lru_cache(maxsize=512)
def _drawn_seal(fonts: FontSet, name: str) -> str:
    data = {"name": name, "purpose": SEAL_PURPOSE, "fonts": [*fonts.families]}
    (drawn,) = _compile(fonts, packaged("seal.typ"), data, "svg")
    return drawn.decode("utf-8")


def _compile(
    fonts: FontSet,
    template: str,
    data: Mapping[str, Any],
    kind: Kind,
    *,
    timestamp: int | None = None,
    ppi: float | None = None,
) -> list[bytes]:
    compiler = typst.Compiler(
        template.encode(),
        font_paths=fonts.fonts,
        ignore_system_fonts=True,
        sys_inputs={"data": orjson.dumps(data).decode()},
    )
    standards: list[Any] = [*PDF_STANDARDS] if kind == "pdf" else []
    drawn = compiler.compile(format=kind, ppi=ppi, timestamp=timestamp, pdf_standards=standards)
    if drawn is None:  # only where an output file was named
        raise _not_drawable()
    return list(drawn) if isinstance(drawn, list) else [drawn]


def _qr(text: str) -> str:
    # Level M bears 15 % of damage, as on worn paper.
    code = segno.make(text, error="m", micro=False)
    return str(code.svg_inline(scale=4, border=2, dark="#1d1b19", omitsize=False))


def _as_svg(picture: bytes) -> str:
    """A department's own seal as SVG: SVG as it is, a PNG wrapped."""
    if len(picture) > MOST_SEAL_BYTES:
        raise _seal_invalid()
    if picture.startswith(_PNG):
        wide, high = (int.from_bytes(picture[at : at + 4], "big") for at in (16, 20))
        if not (0 < wide <= 4000 and 0 < high <= 4000):
            raise _seal_invalid()
        encoded = base64.b64encode(picture).decode()
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {high}">'
            f'<image width="{wide}" height="{high}" href="data:image/png;base64,{encoded}"/></svg>'
        )
    try:
        text = picture.decode("utf-8")
    except UnicodeDecodeError:
        raise _seal_invalid() from None
    if "<svg" not in text[:2000]:
        raise _seal_invalid()
    return text


def _seal_invalid() -> DocumentError:
    return DocumentError(
        "seal-picture-invalid",
        "印章图片须为不超过512 KB的SVG或PNG",
        "a seal's picture is an SVG or PNG of 512 KB at most",
        field="seal_picture",
    )


def _not_drawable() -> DocumentError:
    return DocumentError(
        "not-drawable",
        "证照无法按其模板绘制",
        "the certificate cannot be drawn with its template",
        field="template",
    )
