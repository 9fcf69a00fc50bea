"""证照履历 · a certificate's history as a chain of statements that its issuer signed.

Anybody can check it offline with the trust document alone. A *statement* is a compact JWS: either
an event (`typ: yici-event+jwt`), or the issuer-signed part of a credential, which is itself the
issuer's statement that a version was issued. Each names the SHA-256 of the one before it, so that
none can be altered, left out in the middle, or put elsewhere. What the newest statement is no
chain can tell of itself; compare it with the status list, or with the log's records of the acts.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Final

import orjson

from certstore.base64url import b64url_decode
from certstore.errors import CertstoreError, JwsError
from certstore.identifiers import CertificateIdentifier
from certstore.issue import TYP as CREDENTIAL_TYP
from certstore.issue import start_of_day
from certstore.jws import read_header, sign_compact, verify_compact
from certstore.keys import Signer
from certstore.life_cycle import (
    FIRST,
    ISSUE,
    ISSUING,
    TRANSITIONS,
    UNPLAN,
    ImpossibleTransition,
    Timeline,
    check_transition,
    timeline,
)
from certstore.status import State
from certstore.strict_json import parse_json
from certstore.trust import TrustAnchors

TYP: Final = "yici-event+jwt"
BY_REGISTER: Final = "register:"
"""How `by` begins of what repeats the issuer's register; others name a system."""
MAX_STATEMENTS: Final = 10_000


@dataclass(frozen=True, slots=True)
class Statement:
    """One event as its issuer signs it.

    `previous` is `link` of the statement before, None for the first one. `credential` is `link` of
    the credential of the version that the event brings. `withdraws` is the sequence of the planned
    event that is called off, `related` the identifier of another certificate, such as the one that
    was transferred here. `last_day` is that of the version, where the event brings one.
    """

    identifier: str
    version: int
    sequence: int
    operation: str
    state: str
    effective_at: datetime
    recorded_at: datetime
    recorded_by: str
    reason_code: str
    reason: str
    legal_ground: str | None = None
    previous: str | None = None
    credential: str | None = None
    withdraws: int | None = None
    related: str | None = None
    last_day: date | None = None

    @property
    def by_register(self) -> bool:
        """Whether it repeats what the issuer's register states."""
        return self.recorded_by.startswith(BY_REGISTER)


def sign_statement(statement: Statement, signer: Signer, *, issuer_uri: str) -> str:
    """The statement as a compact JWS over canonical JSON (sorted keys, absent members left out)."""
    members = {
        "iss": issuer_uri,
        "iat": int(statement.recorded_at.timestamp()),
        "identifier": statement.identifier,
        "sequence": statement.sequence,
        "operation": statement.operation,
        "state": statement.state,
        "effective_at": format_time(statement.effective_at),
        "recorded_at": format_time(statement.recorded_at),
        "by": statement.recorded_by,
        "reason_code": statement.reason_code,
        "reason": statement.reason,
        "legal_ground": statement.legal_ground,
        "previous": statement.previous,
        "credential": statement.credential,
        "withdraws": statement.withdraws,
        "related": statement.related,
        "last_day": statement.last_day.isoformat() if statement.last_day else None,
    }
    payload = {name: value for name, value in members.items() if value is not None}
    encoded = orjson.dumps(payload, option=orjson.OPT_SORT_KEYS)
    return sign_compact(encoded, signer, typ=TYP).decode("ascii")


def succession(
    *, sequence: int, operation: str, effective_at: datetime, previous: str
) -> Mapping[str, Any]:
    """The claim `history` of a credential that states by itself how its version came about."""
    return {
        "sequence": sequence,
        "operation": operation,
        "effective_at": format_time(effective_at),
        "previous": previous,
    }


def statement_of_credential(credential: str) -> str:
    """The issuer-signed part of an SD-JWT: it names nobody, holder and fields are digests there."""
    return credential.split("~", 1)[0]


def link(statement: str | bytes) -> str:
    """SHA-256 of a statement, hexadecimal: what the next one carries as `previous`."""
    raw = statement.encode("ascii", "replace") if isinstance(statement, str) else statement
    return hashlib.sha256(raw.split(b"~", 1)[0]).hexdigest()


def format_time(at: datetime) -> str:
    """RFC 3339, UTC, six decimals."""
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


@dataclass(frozen=True, slots=True)
class HistoryFault:
    """What is wrong with the statement at `position` (from 0) of those presented.

    Codes: `altered`, `dropped`, `reordered`, `replaced`, `not-trusted`, `other-issuer`,
    `other-certificate`, `impossible`, `malformed`, `empty`, `too-many`, and those of
    `key_term.KeyTerm.find_fault`.
    """

    position: int
    code: str
    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class VerifiedHistory:
    """What the statements say, and every fault. Without faults, `life` is the certificate's."""

    statements: tuple[Statement, ...]
    faults: tuple[HistoryFault, ...]
    life: Timeline | None = None

    @property
    def holds(self) -> bool:
        """Whether nothing is wrong with it."""
        return not self.faults


_FAULTS: Final[Mapping[str, tuple[str, str]]] = {
    "altered": ("该条的签名无效,内容被改动", "its signature does not hold: it was altered"),
    "dropped": ("该条之前缺少记录", "statements before it were left out"),
    "reordered": ("该条不在其位", "it is out of its place"),
    "replaced": (
        "前一条不是签名时的那一条",
        "the one before it is not the one it was signed after",
    ),
    "not-trusted": ("签名者不在可信名单之内", "whoever signed it is not among those trusted"),
    "other-issuer": ("该条由其他机构签名", "another body signed it"),
    "other-certificate": ("该条属于另一证照", "it is of another certificate"),
    "impossible": ("证照当时的状态不允许该操作", "the certificate's state did not allow it"),
    "issuer-cut-off": ("颁发机构已被停止信任", "its issuer was cut off"),
    "key-compromised": ("签名密钥当时已泄露", "the key had been compromised by then"),
    "key-compromised-later": (
        "签名密钥其后泄露,该条的时间不足为凭",
        "the key was compromised later, so the time it states proves nothing",
    ),
    "key-retired": ("签名密钥当时已停用", "the key had been retired by then"),
    "key-not-yet": ("签名密钥当时尚未启用", "the key was not in use yet"),
    "malformed": ("该条格式不符", "it is not of the required form"),
    "empty": ("没有任何记录", "there are no statements"),
    "too-many": ("记录过多", "there are too many statements"),
}


def verify_history(statements: Sequence[str], trust: TrustAnchors) -> VerifiedHistory:
    """Check a certificate's history offline: each signature, the chain, and every transition.

    `statements` in their order, the credential of the first version (or its issuer-signed part)
    first. Never raises: every fault is named with the place it is at.
    """
    if not statements:
        return VerifiedHistory((), (_fault(0, "empty"),))
    if len(statements) > MAX_STATEMENTS:
        return VerifiedHistory((), (_fault(MAX_STATEMENTS, "too-many"),))
    found: list[Statement] = []
    faults: list[HistoryFault] = []
    for position, text in enumerate(statements):
        try:
            found.append(_opened(statement_of_credential(text), trust))
        except _Unsound as unsound:
            faults.append(_fault(position, unsound.code))
    if faults:
        return VerifiedHistory(tuple(found), tuple(faults))
    faults.extend(_chain_faults(statements, found))
    if faults:
        return VerifiedHistory(tuple(found), tuple(faults))
    last_days = {each.version: each.last_day for each in found if each.operation in ISSUING}
    if found[0].operation not in FIRST or found[0].version != 1:
        faults.append(_fault(0, "impossible"))
    for position in range(1, len(found)):
        if not _was_possible(found[:position], found[position], last_days):
            faults.append(_fault(position, "impossible"))
    life = timeline(found, last_days)
    return VerifiedHistory(tuple(found), tuple(faults), life)


class _Unsound(Exception):
    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def _fault(position: int, code: str) -> HistoryFault:
    zh, en = _FAULTS[code]
    return HistoryFault(position, code, zh, en)


def _opened(text: str, trust: TrustAnchors) -> Statement:
    """What a statement says, its signature checked against the keys of the issuer it names."""
    token = text.encode("ascii", "replace")
    try:
        header = read_header(token)
        claims = _claims(token)
    except CertstoreError:
        raise _Unsound("malformed") from None
    issuer = trust.find_issuer(str(claims.get("iss")))
    if issuer is None:
        raise _Unsound("not-trusted")
    is_event = header.get("typ") == TYP
    try:
        verify_compact(token, issuer.keys, typ=TYP if is_event else CREDENTIAL_TYP)
    except JwsError as error:
        raise _Unsound("not-trusted" if error.code == "key-unknown" else "altered") from None
    key = issuer.keys.find_key(str(header.get("kid")))
    fault = key.term.find_fault(claims.get("iat")) if key is not None and key.term else None
    if fault is not None:
        raise _Unsound(fault)
    try:
        read = _event if is_event else _issue
        statement = read(claims)
        identifier = CertificateIdentifier.parse(statement.identifier)
        State.from_code(statement.state)
    except (KeyError, TypeError, ValueError, OverflowError, CertstoreError):
        raise _Unsound("malformed") from None
    if identifier.issuer != issuer.department:
        raise _Unsound("other-issuer")
    return statement


def _claims(token: bytes) -> Mapping[str, Any]:
    claims = parse_json(b64url_decode(token.split(b".")[1], field="payload"), field="payload")
    if not isinstance(claims, dict):
        raise JwsError("malformed", "内容不是对象", "the payload is not an object", field="payload")
    return claims


def _event(claims: Mapping[str, Any]) -> Statement:
    identifier = str(claims["identifier"])
    last = claims.get("last_day")
    return Statement(
        identifier=identifier,
        version=CertificateIdentifier.parse(identifier).version,
        sequence=_integer(claims["sequence"]),
        operation=str(claims["operation"]),
        state=str(claims["state"]),
        effective_at=_time(claims["effective_at"]),
        recorded_at=_time(claims["recorded_at"]),
        recorded_by=str(claims["by"]),
        reason_code=str(claims["reason_code"]),
        reason=str(claims["reason"]),
        legal_ground=claims.get("legal_ground"),
        previous=claims.get("previous"),
        credential=claims.get("credential"),
        withdraws=None if "withdraws" not in claims else _integer(claims["withdraws"]),
        related=claims.get("related"),
        last_day=date.fromisoformat(last) if last is not None else None,
    )


def _issue(claims: Mapping[str, Any]) -> Statement:
    identifier = CertificateIdentifier.parse(str(claims["identifier"]))
    came = claims.get("history") or {}
    recorded_at = datetime.fromtimestamp(_integer(claims["iat"]), UTC)
    issued_on = date.fromisoformat(claims["issued_on"])
    last = claims.get("valid_until")
    return Statement(
        identifier=str(identifier),
        version=identifier.version,
        sequence=_integer(came.get("sequence", 0)),
        operation=str(came.get("operation", ISSUE)),
        state=State.VALID.code,
        effective_at=_time(came["effective_at"])
        if came
        else datetime.fromtimestamp(start_of_day(issued_on), UTC),
        recorded_at=recorded_at,
        recorded_by=BY_REGISTER,
        reason_code="as-registered",
        reason="",
        previous=came.get("previous"),
        last_day=date.fromisoformat(last) if last is not None else None,
    )


def _integer(value: Any) -> int:
    if type(value) is not int or not 0 <= value < 1 << 53:
        raise ValueError("not a number of the required kind")
    return value


def _time(value: Any) -> datetime:
    at = datetime.fromisoformat(value)
    if at.tzinfo is None:
        raise ValueError("a time without a zone")
    return at.astimezone(UTC)


def _chain_faults(texts: Sequence[str], found: Sequence[Statement]) -> list[HistoryFault]:
    certificate = CertificateIdentifier.parse(found[0].identifier).certificate
    faults: list[HistoryFault] = []
    highest = -1
    present = {each.sequence for each in found}
    for position, each in enumerate(found):
        if CertificateIdentifier.parse(each.identifier).certificate != certificate:
            faults.append(_fault(position, "other-certificate"))
        elif each.sequence <= highest:
            faults.append(_fault(position, "reordered"))
        elif each.sequence != highest + 1 and not set(range(highest + 1, each.sequence)) <= present:
            faults.append(_fault(position, "dropped"))
        elif each.sequence == position and each.previous != (
            link(texts[position - 1]) if position else None
        ):
            faults.append(_fault(position, "replaced"))
        highest = max(highest, each.sequence)
    return faults


def _was_possible(
    before: Sequence[Statement], event: Statement, last_days: Mapping[int, date | None]
) -> bool:
    """Whether the certificate, as it was known then, allowed what was recorded."""
    if event.by_register:
        return True
    life = timeline(before, last_days)
    if event.operation == UNPLAN:
        planned = {each.sequence: each for each in before}.get(event.withdraws or 0)
        return planned is not None and planned.effective_at >= event.recorded_at
    if event.operation not in TRANSITIONS:
        return False
    version = event.version
    then = life.at(event.effective_at)
    if event.operation in ISSUING:
        if then is None or any(each.version >= version for each in before):
            return False
        version = then.version
    try:
        check_transition(
            life, event.operation, version=version, at=event.effective_at, now=event.recorded_at
        )
    except ImpossibleTransition:
        return False
    return TRANSITIONS[event.operation][1].state.code == event.state
