"""Offline verification of certificates: no database, no network, all evidence given beforehand.

    verifier = Verifier(TrustAnchors.from_json(trust), {uri: token})
    verdict = verifier.verify(credential, at=moment)

Every step that fails ends in a part of the verdict, never in an exception: a certificate comes
from a stranger.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, Final

from certstore.base64url import b64url_decode
from certstore.errors import JwsError, SdJwtError, StatusListError
from certstore.holder_match import HOLDER_PARTS, judge_holder
from certstore.identifiers import find_issuer_in
from certstore.jws import check_header, decode_header, refuse_alg_none
from certstore.key_binding import MAX_AGE
from certstore.public_keys import VerifyingKey
from certstore.reveal import reveal
from certstore.sdjwt import VISIBLE, SdJwt, parse
from certstore.status import (
    CLOCK_SKEW,
    INVALID,
    SUSPENDED,
    VALID,
    StatusListToken,
    open_status_list,
)
from certstore.strict_json import parse_json
from certstore.trust import KeysOf, TrustAnchors, TrustedIssuer
from certstore.verdict import PARTS, Freshness, Part, Verdict

__all__ = ["Freshness", "Part", "TrustAnchors", "Verdict", "Verifier", "verify"]

TYP: Final = "dc+sd-jwt"

_SKEW: Final = CLOCK_SKEW.total_seconds()
_TIMES: Final = frozenset({int, float, type(None)})
_HOLDS: Final = PARTS["signature-holds"]
_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})
_STATUS_CODES: Final = {
    VALID: "status-valid",
    INVALID: "status-invalid",
    SUSPENDED: "status-suspended",
}


class Verifier:
    """Trust anchors and status lists, each parsed once, for any number of certificates.

    `status_tokens` maps the address of a status list to its token. A token is opened when a
    certificate first needs it and kept; the object is not changed otherwise.
    """

    __slots__ = ("_lists", "_tokens", "trust")

    def __init__(
        self, trust: TrustAnchors, status_tokens: Mapping[str, str | bytes] = _NOTHING
    ) -> None:
        self.trust = trust
        self._tokens = dict(status_tokens)
        self._lists: dict[tuple[str, str], StatusListToken | str] = {}

    def verify(self, credential: str | bytes, *, at: datetime) -> Verdict:
        """The verdict on `credential` at the aware moment `at`. Raises only ValueError, when
        `at` has no time zone."""
        if at.tzinfo is None:
            raise ValueError("at has no time zone")
        try:
            parts = parse(credential)
            encoded_header, encoded, signature = parts.jws.split(b".")
            header = decode_header(encoded_header)
            payload = _unsigned(encoded)
        except (JwsError, SdJwtError) as error:
            return self._refused(_broken(error), PARTS["not-evaluated"], at)
        issuer_id = payload.get("iss")
        issuer = self.trust.find_issuer(issuer_id) if isinstance(issuer_id, str) else None
        try:
            refuse_alg_none(header)
            key, issuer_part = self._key(header.get("kid"), issuer)
            if key is None:
                return self._refused(PARTS["signature-unchecked"], issuer_part, at)
            check_header(header, typ=TYP, key=key)
            _check_signature(parts.jws, signature, key)
            claims = _shown(payload, parts)
        except (JwsError, SdJwtError) as error:
            return self._refused(_broken(error), PARTS["not-evaluated"], at)
        return self._judge(claims, issuer, issuer_part, key, at)

    def verify_presentation(
        self,
        presentation: str | bytes,
        *,
        audience: str,
        nonce: str,
        at: datetime,
        max_age: timedelta = MAX_AGE,
    ) -> Verdict:
        """The verdict on what somebody shows to `audience`, who gave `nonce` for it: also whether
        the holder shows it (RFC 9901 section 7.3). That no nonce is taken twice is the caller's.
        """
        verdict = self.verify(presentation, at=at)
        if verdict.integrity.outcome != "valid":
            return verdict._replace(holder_match=HOLDER_PARTS["not-evaluated"])
        return verdict._replace(
            holder_match=judge_holder(
                presentation,
                verdict.claims,
                audience=audience,
                nonce=nonce,
                at=at,
                max_age=max_age,
            )
        )

    def _key(self, kid: Any, issuer: TrustedIssuer | None) -> tuple[VerifyingKey | None, Part]:
        """The key that is to have signed, and what the kid alone says of the issuer."""
        named = kid if isinstance(kid, str) else ""
        if issuer is not None:
            key = issuer.keys.find_key(named)
            if key is not None:
                return key, PARTS["issuer-trusted"]
        owner = self.trust.find_owner(named)
        if owner is not None:
            return owner.keys.find_key(named), PARTS["key-of-another-issuer"]
        if issuer is not None and named in issuer.uncertified:
            return None, PARTS["key-not-certified"]
        return None, PARTS["issuer-not-trusted" if issuer is None else "key-unknown"]

    def _refused(self, integrity: Part, issuer: Part, at: datetime) -> Verdict:
        unjudged = PARTS["not-evaluated"]
        return Verdict(
            integrity=integrity,
            issuer=issuer,
            status=unjudged,
            validity=unjudged,
            at=at,
            freshness=Freshness(keys_as_of=self.trust.as_of),
            claims={},
        )

    def _judge(
        self,
        claims: dict[str, Any],
        issuer: TrustedIssuer | None,
        issuer_part: Part,
        key: VerifyingKey,
        at: datetime,
    ) -> Verdict:
        if issuer is not None and issuer_part.outcome == "valid":
            issuer_part = _issuer_part(claims, issuer)
            if key.term is not None and issuer_part.outcome == "valid":
                fault = key.term.find_fault(claims.get("iat"))
                if fault is not None:
                    issuer_part = PARTS[fault]
        status, opened = self._status(claims.get("status"), issuer, at)
        validity = _validity(claims, at)
        freshness = (
            Freshness(opened.issued_at, opened.refresh_at, opened.expires_at, self.trust.as_of)
            if opened
            else Freshness(keys_as_of=self.trust.as_of)
        )
        return Verdict(_HOLDS, issuer_part, status, validity, at, freshness, claims)

    def _status(
        self, claim: Any, issuer: TrustedIssuer | None, at: datetime
    ) -> tuple[Part, StatusListToken | None]:
        listed = claim.get("status_list") if isinstance(claim, dict) else None
        uri = listed.get("uri") if isinstance(listed, dict) else None
        index = listed.get("idx") if isinstance(listed, dict) else None
        if not isinstance(uri, str) or type(index) is not int:
            return PARTS["status-not-published"], None
        opened = self._open(uri, issuer)
        if isinstance(opened, str):
            return PARTS[opened], None
        try:
            opened.check_time(at)
            value = opened.statuses.get(index)
        except StatusListError as error:
            code = "status-out-of-range" if error.code == "out-of-range" else error.code
            return PARTS[code], opened
        return PARTS[_STATUS_CODES.get(value, "status-value-unknown")], opened

    def _open(self, uri: str, issuer: TrustedIssuer | None) -> StatusListToken | str:
        """The list of `uri`, signed by the hub or by the issuer itself; or why there is none."""
        place = (uri, "" if issuer is None else issuer.id)
        found = self._lists.get(place)
        if found is None:
            found = self._lists[place] = self._open_anew(uri, issuer)
        return found

    def _open_anew(self, uri: str, issuer: TrustedIssuer | None) -> StatusListToken | str:
        token = self._tokens.get(uri)
        if token is None:
            return "status-list-missing"
        keys = KeysOf([self.trust.hub] if issuer is None else [self.trust.hub, issuer.keys])
        try:
            opened = open_status_list(token, keys)
        except StatusListError:
            return "status-list-untrusted"
        key = keys.find_key(opened.kid)
        term = None if key is None else key.term
        # Without a record of what was published, any doubt about the key is one too many.
        if term is not None and term.find_fault(opened.issued_at.timestamp()) is not None:
            return "status-list-untrusted"
        return opened if opened.uri == uri else "status-list-other-uri"


def verify(
    credential: str | bytes,
    *,
    trust: TrustAnchors,
    status_tokens: Mapping[str, str | bytes],
    at: datetime,
) -> Verdict:
    """The verdict on one certificate; for several, keep a `Verifier`."""
    return Verifier(trust, status_tokens).verify(credential, at=at)


def _broken(error: JwsError | SdJwtError) -> Part:
    return Part("invalid", error.code, error.zh, error.en)


def _unsigned(encoded: bytes) -> dict[str, Any]:
    """The payload, of which nothing is believed yet but who is said to have signed it."""
    payload = parse_json(b64url_decode(encoded, field="payload"), field="payload")
    if not isinstance(payload, dict):
        raise SdJwtError("payload-not-object", "内容不是对象", "the payload is not an object")
    return payload


def _check_signature(jws: bytes, signature: bytes, key: VerifyingKey) -> None:
    signed = jws[: -len(signature) - 1]
    if not key.verify(b64url_decode(signature, field="signature"), signed):
        raise JwsError(
            "signature-invalid",
            "签名无效，内容被改动或并非所称密钥签发",
            "the signature does not hold",
        )


def _shown(payload: dict[str, Any], parts: SdJwt) -> dict[str, Any]:
    claims = reveal(payload, parts.disclosures)
    if "_sd" not in payload:
        return claims
    hidden = VISIBLE.intersection(claims).difference(payload)
    if hidden:
        raise SdJwtError(
            "must-stay-visible",
            "必须公开的声明被隐藏",
            "a claim that must be visible was hidden",
            field=min(hidden),
        )
    return claims


def _of_department(claims: Mapping[str, Any], department: str) -> bool:
    """Whether no department but this one is named, in the identifier or as the issuer."""
    identifier, issuer = claims.get("identifier"), claims.get("issuer")
    printed = find_issuer_in(identifier) if isinstance(identifier, str) else None
    stated = issuer.get("code") if isinstance(issuer, dict) else None
    return printed in (None, department) and stated in (None, department)


def _issuer_part(claims: Mapping[str, Any], issuer: TrustedIssuer) -> Part:
    if not _of_department(claims, issuer.department):
        return PARTS["department-mismatch"]
    if issuer.types is not None and _type_key(claims.get("vct")) not in issuer.types:
        return PARTS["type-not-allowed"]
    return PARTS["issuer-trusted"]


def _type_key(vct: Any) -> str | None:
    words = vct.split(":", 4) if isinstance(vct, str) else ()
    return words[3] if len(words) > 3 and vct.startswith("urn:yici:certificate:") else None


def _validity(claims: Mapping[str, Any], at: datetime) -> Part:
    begins, ends, issued = claims.get("nbf"), claims.get("exp"), claims.get("iat")
    moment = at.timestamp()
    if not (type(begins) in _TIMES and type(ends) in _TIMES and type(issued) in _TIMES):
        return PARTS["validity-not-stated"]
    if issued is not None and issued > moment + _SKEW:
        return PARTS["issued-in-future"]
    if ends is not None and moment >= ends:
        return PARTS["expired"]
    if begins is None:
        return PARTS["validity-not-stated"]
    return PARTS["not-yet-valid" if moment < begins else "within-validity"]
