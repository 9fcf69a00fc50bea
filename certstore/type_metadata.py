"""Type Metadata of a certificate type, for whoever shows or checks its SD-JWT VCs.

The document of draft-ietf-oauth-sd-jwt-vc, section "SD-JWT VC Type Metadata": names in zh-CN and
en, and for every claim its path, its names, whether it must have been issued, and whether it can
be disclosed selectively. It says nothing of where it is published, so that its bytes, and with
them the claim `vct#integrity`, follow from the type alone.
"""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING, Any, Final

import orjson

if TYPE_CHECKING:
    from certstore.certificate_type import CertificateType

_ISSUED: Final = (
    ("identifier", "证照标识", "Identifier"),
    ("type", "证照类型", "Certificate type"),
    ("issuer", "颁发机构", "Issuing department"),
    ("issued_on", "颁发日期", "Date of issue"),
    ("valid_from", "有效期起", "Valid from"),
    ("valid_until", "有效期止", "Valid until"),
    ("status", "状态", "Status"),
)
"""Claims that every certificate shows, whoever it is shown to."""

_HOLDER: Final = (
    ("id_type", "证件类型", "Kind of id", "never"),
    ("id", "证件号码", "Id number", "always"),
    ("name", "持证主体名称", "Name of the holder", "always"),
)


def type_metadata(kind: CertificateType) -> dict[str, Any]:
    """The Type Metadata document of a type, as a JSON object."""
    document: dict[str, Any] = {
        "vct": kind.vct,
        "name": kind.title.en,
        "display": [
            _named("zh-CN", kind.title.zh, kind.description.zh if kind.description else None),
            _named("en", kind.title.en, kind.description.en if kind.description else None),
        ],
        "claims": [
            *(_claim([name], zh, en, mandatory=True, sd="never") for name, zh, en in _ISSUED),
            _claim(["holder"], "持证主体", "Holder", mandatory=True, sd="never"),
            *(
                _claim(["holder", name], zh, en, mandatory=True, sd=sd)
                for name, zh, en, sd in _HOLDER
            ),
            _claim(["fields"], "照面内容", "Content", mandatory=True, sd="never"),
            *(
                _claim(
                    ["fields", one.name],
                    one.title.zh,
                    one.title.en,
                    mandatory=one.required,
                    sd="always",
                )
                for one in kind.fields
            ),
        ],
    }
    if kind.description is not None:
        document["description"] = kind.description.en
    return document


def metadata_bytes(kind: CertificateType) -> bytes:
    """The document's one form: JSON with sorted names, without white space, in UTF-8."""
    return orjson.dumps(type_metadata(kind), option=orjson.OPT_SORT_KEYS)


def integrity_of(document: bytes) -> str:
    """`sha256-` and the SHA-256 of a document's bytes in base64 (W3C SRI, section 3)."""
    return "sha256-" + base64.b64encode(hashlib.sha256(document).digest()).decode()


def _named(locale: str, name: str, description: str | None) -> dict[str, str]:
    named = {"locale": locale, "name": name}
    return named | {"description": description} if description is not None else named


def _claim(path: list[str], zh: str, en: str, *, mandatory: bool, sd: str) -> dict[str, Any]:
    return {
        "path": path,
        "display": [{"locale": "zh-CN", "label": zh}, {"locale": "en", "label": en}],
        "mandatory": mandatory,
        "sd": sd,
    }
