"""The verdict on a certificate, in parts: integrity, issuer, status, validity, and whether its
holder shows it. Never one boolean.

Each part is `valid`, `invalid` or `unknown` with a code and a sentence in 中文 and English.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final, Literal, NamedTuple, NoReturn

from certstore.errors import IdentifierError
from certstore.identifiers import CertificateIdentifier

Outcome = Literal["valid", "invalid", "unknown"]


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a verdict."""

    outcome: Outcome
    code: str
    zh: str
    en: str

    def as_dict(self) -> dict[str, str]:
        return {"outcome": self.outcome, "code": self.code, "zh": self.zh, "en": self.en}


class Freshness(NamedTuple):
    """How fresh the evidence is: when the status list was issued, when a newer one is offered,
    when it stops counting, and of when the trusted keys are. None is: not stated or not needed."""

    status_issued_at: datetime | None = None
    status_refresh_at: datetime | None = None
    status_expires_at: datetime | None = None
    keys_as_of: datetime | None = None

    def as_dict(self) -> dict[str, str | None]:
        return {
            "status_issued_at": _iso(self.status_issued_at),
            "status_refresh_at": _iso(self.status_refresh_at),
            "status_expires_at": _iso(self.status_expires_at),
            "keys_as_of": _iso(self.keys_as_of),
        }


def _iso(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat().replace("+00:00", "Z")


class Verdict(NamedTuple):
    """What can be said of a certificate at one moment.

    `claims` is everything the certificate shows (empty unless its integrity is valid); `holder`
    and `fields` are the disclosed parts of it. `holder_match` says whether whoever shows it proved
    to be its holder, None where that was not asked.
    """

    integrity: Part
    issuer: Part
    status: Part
    validity: Part
    at: datetime
    freshness: Freshness
    claims: Mapping[str, Any]
    holder_match: Part | None = None

    @property
    def identifier(self) -> str | None:
        """The certificate identifier as it is printed, None when there is none."""
        text = self.claims.get("identifier")
        return text if isinstance(text, str) else None

    @property
    def identifier_sound(self) -> bool | None:
        """False for an identifier that is malformed or whose check character is wrong, None when
        there is none to look at."""
        if "identifier" not in self.claims:
            return None
        try:
            return CertificateIdentifier.parse_flagged(self.identifier or "")[1]
        except IdentifierError:
            return False

    @property
    def holder(self) -> Mapping[str, Any]:
        return _object(self.claims.get("holder"))

    @property
    def fields(self) -> Mapping[str, Any]:
        return _object(self.claims.get("fields"))

    @property
    def parts(self) -> Mapping[str, Part]:
        parts = {
            "integrity": self.integrity,
            "issuer": self.issuer,
            "status": self.status,
            "validity": self.validity,
        }
        if self.holder_match is not None:
            parts["holder_match"] = self.holder_match
        return parts

    def as_dict(self) -> dict[str, Any]:
        """The verdict as JSON values; times in ISO 8601, UTC."""
        return {
            "at": _iso(self.at),
            **{name: part.as_dict() for name, part in self.parts.items()},
            "identifier": self.identifier,
            "identifier_sound": self.identifier_sound,
            "type": self.claims.get("type"),
            "issued_by": self.claims.get("issuer"),
            "issued_on": self.claims.get("issued_on"),
            "valid_from": self.claims.get("valid_from"),
            "valid_until": self.claims.get("valid_until"),
            "holder": dict(self.holder),
            "fields": dict(self.fields),
            "freshness": self.freshness.as_dict(),
        }

    def __bool__(self) -> NoReturn:
        raise TypeError("a verdict has several parts; ask for the one you mean")


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _part(outcome: Outcome, code: str, zh: str, en: str) -> tuple[str, Part]:
    return code, Part(outcome, code, zh, en)


PARTS: Final[Mapping[str, Part]] = MappingProxyType(
    dict(
        (
            _part(
                "valid",
                "signature-holds",
                "签名有效，内容未被改动",
                "the signature holds and nothing was altered",
            ),
            _part(
                "unknown",
                "signature-unchecked",
                "没有可用的公钥，签名未能核验",
                "no public key is at hand, so the signature was not checked",
            ),
            _part(
                "valid", "issuer-trusted", "由可信的颁发机构签发", "issued by a trusted department"
            ),
            _part(
                "invalid",
                "issuer-not-trusted",
                "颁发机构不在可信名单中",
                "the issuer is not on the list of trusted ones",
            ),
            _part(
                "invalid",
                "key-of-another-issuer",
                "签名密钥属于另一颁发机构",
                "signed with the key of another issuer",
            ),
            _part(
                "unknown",
                "key-unknown",
                "可信名单中没有该签名密钥，名单可能已过时",
                "the list of trusted keys has not this key; the list may be old",
            ),
            _part(
                "unknown",
                "key-not-certified",
                "所信任的根证书未认证该签名密钥",
                "the pinned root has not certified this key for the department",
            ),
            _part(
                "invalid",
                "issuer-cut-off",
                "颁发机构的该密钥已被取消信任",
                "the issuer was cut off: nothing signed with this key counts",
            ),
            _part(
                "invalid",
                "key-compromised",
                "签发时间在密钥泄露之后",
                "signed, it says, after the key fell into other hands",
            ),
            _part(
                "unknown",
                "key-compromised-later",
                "密钥其后泄露，所称签发时间可能被倒填；可请枢纽在线核验其存档",
                "the key fell into other hands later, and a thief can date back; the hub can tell "
                "online by what it keeps",
            ),
            _part(
                "invalid",
                "key-retired",
                "签发时间在密钥停用之后",
                "signed, it says, after the key was retired",
            ),
            _part(
                "invalid",
                "key-not-yet",
                "签发时间早于密钥生成",
                "signed, it says, before the key was made",
            ),
            _part(
                "valid",
                "issuer-on-record",
                "密钥其后泄露，但枢纽存档证明该证照此前签发",
                "the key fell into other hands later, but the hub keeps this very certificate",
            ),
            _part(
                "invalid",
                "department-mismatch",
                "证照标识中的颁发机构与签发者不符",
                "the identifier names another department than the one that signed",
            ),
            _part(
                "invalid",
                "type-not-allowed",
                "该颁发机构无权颁发此类证照",
                "this issuer may not issue this certificate type",
            ),
            _part("valid", "status-valid", "状态有效", "the certificate is in force"),
            _part(
                "invalid",
                "status-invalid",
                "证照已撤销、注销、吊销或失效",
                "the certificate was withdrawn, cancelled, revoked or has lapsed",
            ),
            _part("invalid", "status-suspended", "证照已暂扣", "the certificate is suspended"),
            _part(
                "unknown",
                "status-value-unknown",
                "状态列表中的取值含义未知",
                "the status list has a value of unknown meaning",
            ),
            _part(
                "unknown",
                "status-not-published",
                "证照未注明状态列表",
                "the certificate names no status list",
            ),
            _part(
                "unknown",
                "status-list-missing",
                "没有该证照的状态列表",
                "the status list of the certificate is not at hand",
            ),
            _part(
                "unknown",
                "status-list-untrusted",
                "状态列表不可信",
                "the status list cannot be trusted",
            ),
            _part(
                "unknown",
                "status-list-other-uri",
                "状态列表属于另一地址",
                "the status list is for another address",
            ),
            _part("unknown", "status-list-stale", "状态列表已过期", "the status list has expired"),
            _part(
                "unknown",
                "status-list-not-yet",
                "状态列表的签发时间在将来",
                "the status list was issued in the future",
            ),
            _part(
                "unknown",
                "status-out-of-range",
                "状态序号超出列表范围",
                "the status index is beyond the list",
            ),
            _part("valid", "within-validity", "在有效期内", "within its validity period"),
            _part("invalid", "not-yet-valid", "尚未生效", "not yet valid"),
            _part("invalid", "expired", "已超过有效期", "past its validity period"),
            _part("invalid", "issued-in-future", "签发时间在将来", "issued in the future"),
            _part(
                "unknown",
                "validity-not-stated",
                "证照未注明有效期的起始",
                "the certificate does not say from when it is valid",
            ),
            _part(
                "unknown",
                "not-evaluated",
                "因签名未通过核验而未判断",
                "not judged, because the signature did not hold or was not checked",
            ),
        )
    )
)
"""Every code a part may have, but those of a broken document, which the refusal itself words."""
