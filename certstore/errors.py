"""One family of errors: every fault has a code for programs and a sentence in 中文 and English.

A text names the rule that was broken and the field, never the value: values may be personal data.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class CertstoreError(Exception):
    """A refusal of this library.

    `code` is stable and kebab-case, `zh` and `en` are sentences for people, `field` names the
    part of the input that is at fault (a claim, a field, a member of a definition) or is None.
    """

    def __init__(self, code: str, zh: str, en: str, *, field: str | None = None) -> None:
        super().__init__(f"{code}: {en}")
        self.code = code
        self.zh = zh
        self.en = en
        self.field = field

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (type(self), self.code, self.zh, self.en, self.field)


def _rebuild(
    kind: type[CertstoreError], code: str, zh: str, en: str, field: str | None
) -> CertstoreError:
    return kind(code, zh, en, field=field)


class IdentifierError(CertstoreError):
    """A certificate identifier or serial is not what GB/T 36904 allows."""


class HolderError(CertstoreError):
    """A holder's id type is not known here, or the id does not fit its type."""


class KeyFault(CertstoreError):
    """A key cannot be read, is of the wrong kind, or is not the one that is needed."""


class CertificationFault(CertstoreError):
    """A root, a request, an X.509 certificate, its path or a revocation list does not hold."""


class JwsError(CertstoreError):
    """A compact JWS is malformed, of the wrong type, or its signature does not hold."""


class SdJwtError(CertstoreError):
    """An SD-JWT breaks RFC 9901."""


class ShownError(CertstoreError):
    """What somebody shows is nothing that can be verified."""


class KeyBindingError(CertstoreError):
    """Whoever shows a certificate did not prove to hold the key it is bound to."""


class StatusListError(CertstoreError):
    """A status list or its token cannot be used."""


class TrustError(CertstoreError):
    """The document that names whom to trust is unusable."""


class ObjectError(CertstoreError):
    """An object store has not the object, has an altered one, or may not do what is asked."""


class StoreFault(ObjectError):
    """An object store cannot be used at all; its code is always `unavailable`.

    `cause` says why: `unreachable`, `full`, `denied`, `clock-skew`, `no-bucket`, `no-versions`,
    `no-lock`, `bad-transfer`.
    """

    def __init__(self, cause: str, zh: str, en: str) -> None:
        super().__init__("unavailable", zh, en)
        self.cause = cause

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.cause, self.zh, self.en)


class DocumentError(CertstoreError):
    """A certificate's file cannot be drawn, sealed or checked."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault among several: `field` where, `code` for programs, `zh` and `en` for people."""

    field: str
    code: str
    zh: str
    en: str

    def as_dict(self) -> dict[str, str]:
        return {"field": self.field, "code": self.code, "zh": self.zh, "en": self.en}


class FaultsError(CertstoreError):
    """Several faults said at once; `faults` is never empty."""

    def __init__(self, code: str, zh: str, en: str, faults: Sequence[Fault]) -> None:
        self.faults = tuple(faults)
        listed_zh = "；".join(f"{fault.field}：{fault.zh}" for fault in self.faults)
        listed_en = "; ".join(f"{fault.field}: {fault.en}" for fault in self.faults)
        first = self.faults[0].field if self.faults else None
        self._head = (code, zh, en)
        super().__init__(code, f"{zh}：{listed_zh}", f"{en}: {listed_en}", field=first)

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (*self._head, self.faults)


class TypeDefinitionError(FaultsError):
    """A certificate type's definition file is wrong; every fault of it is named."""


class FieldErrors(FaultsError):
    """A certificate's holder, fields or dates break its type; every fault of it is named."""
