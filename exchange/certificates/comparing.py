"""Holds supplied facts against a certificate: yes or no for each, and no data out."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from typing import Any, Final, Literal

import orjson

from certstore.types import CertificateType
from exchange.certificates.records import Certificate

Comparison = Literal["same", "different", "absent", "not-compared", "unknown-field"]

COMPARISONS: Final[Mapping[str, tuple[str, str]]] = {
    "same": ("一致", "the same"),
    "different": ("不一致", "different"),
    "absent": ("证照中没有该项", "the certificate does not state it"),
    "not-compared": (
        "该项不公开：须同时给出正确的持证主体代码（holder.id）",
        "not public: it is compared only beside the right id of the holder (holder.id)",
    ),
    "unknown-field": ("该类证照没有此项", "certificates of this type have no such field"),
}

HOLDER_ID: Final = "holder.id"
HOLDER_NAME: Final = "holder.name"


def compare(
    certificate: Certificate,
    kind: CertificateType | None,
    facts: Mapping[str, str],
    *,
    own: bool,
) -> dict[str, Comparison]:
    """How each supplied fact compares. A fact is a field of the type, ``holder.id`` or
    ``holder.name``.

    Who knows neither the paper nor its holder learns nothing that is not public: fields that are
    not, and the holder's name, are compared only where the holder's id was supplied rightly, or
    by the issuer (``own``).
    """
    supplied = facts.get(HOLDER_ID)
    knows = own or (supplied is not None and _plain(supplied) == _plain(certificate.holder_id))
    return {
        name: _compared(certificate, kind, name, fact, knows=knows) for name, fact in facts.items()
    }


def _compared(
    certificate: Certificate,
    kind: CertificateType | None,
    name: str,
    supplied: str,
    *,
    knows: bool,
) -> Comparison:
    if name == HOLDER_ID:
        return "same" if _plain(supplied) == _plain(certificate.holder_id) else "different"
    if name == HOLDER_NAME:
        if not knows:
            return "not-compared"
        return "same" if _plain(supplied) == _plain(certificate.holder_name) else "different"
    field = kind.find_field(name) if kind else None
    if field is None:
        return "unknown-field"
    if field.sensitivity != "public" and not knows:
        return "not-compared"
    if name not in certificate.fields:
        return "absent"
    return "same" if is_same(certificate.fields[name], supplied) else "different"


def is_same(stated: Any, supplied: str) -> bool:
    """Whether a text that was supplied means a value that is stated.

    Texts are compared in the form in which they look alike (Unicode NFKC: full-width digits and
    letters as narrow ones), without blanks around them; other values as JSON.
    """
    if isinstance(stated, str):
        return _plain(stated) == _plain(supplied)
    try:
        value = orjson.loads(supplied)
    except orjson.JSONDecodeError:
        return False
    return type(value) is type(stated) and bool(value == stated)


def _plain(text: str) -> str:
    return unicodedata.normalize("NFKC", text).strip()
