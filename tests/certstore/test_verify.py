"""Verdicts: each part by itself, and every defect of a certificate under its own code."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from certstore.base64url import b64url
from certstore.errors import TrustError
from certstore.identifiers import CertificateIdentifier
from certstore.issue import CertificateDraft, sign_certificate
from certstore.jws import sign_compact
from certstore.keys import Ed25519Signer, Es256Signer
from certstore.sdjwt import MAX_SIZE, assemble, disclose, present
from certstore.validity import ValidityRule
from certstore.verdict import Verdict
from certstore.verify import TrustAnchors, Verifier, verify
from tests.certstore.conftest import FIELDS, ISSUER, NOW, STATUS_URI, status_token

TYP = "dc+sd-jwt"


def outcomes(verdict: Verdict) -> dict[str, tuple[str, str]]:
    return {name: (part.outcome, part.code) for name, part in verdict.parts.items()}


ALL_VALID = {
    "integrity": ("valid", "signature-holds"),
    "issuer": ("valid", "issuer-trusted"),
    "status": ("valid", "status-valid"),
    "validity": ("valid", "within-validity"),
}


def test_a_sound_certificate_is_valid_in_every_part(verifier: Verifier, certificate: str) -> None:
    verdict = verifier.verify(certificate, at=NOW)
    assert outcomes(verdict) == ALL_VALID
    assert verdict.fields == FIELDS
    assert verdict.holder["id"] == "91440101191193940U"
    assert verdict.identifier is not None
    assert verdict.identifier.startswith("1.2.156.3005.2.11440000MB2D01234C001.")
    assert verdict.identifier_sound is True
    assert verdict.freshness.status_issued_at == NOW - timedelta(minutes=10)
    assert verdict.freshness.status_expires_at == NOW + timedelta(hours=12)
    assert verdict.freshness.keys_as_of == datetime(2026, 2, 28, tzinfo=UTC)


def test_bytes_are_verified_like_text(verifier: Verifier, certificate: str) -> None:
    assert outcomes(verifier.verify(certificate.encode(), at=NOW)) == ALL_VALID


def test_only_what_is_presented_is_shown(verifier: Verifier, certificate: str) -> None:
    shown = verifier.verify(present(certificate, [("fields", "name")]), at=NOW)
    assert outcomes(shown) == ALL_VALID
    assert shown.fields == {"name": FIELDS["name"]}
    assert shown.holder == {"id_type": "001"}


def test_a_verdict_is_never_one_boolean(verifier: Verifier, certificate: str) -> None:
    with pytest.raises(TypeError, match="several parts"):
        bool(verifier.verify(certificate, at=NOW))


def test_a_verdict_is_json(verifier: Verifier, certificate: str) -> None:
    told = json.loads(orjson.dumps(verifier.verify(certificate, at=NOW).as_dict()))
    assert told["integrity"]["outcome"] == "valid"
    assert told["integrity"]["zh"]
    assert told["at"] == "2026-03-01T04:00:00Z"
    assert told["freshness"]["status_expires_at"] == "2026-03-01T16:00:00Z"
    assert told["valid_until"] is None


def test_a_moment_without_a_time_zone_is_the_callers_mistake(
    verifier: Verifier, certificate: str
) -> None:
    with pytest.raises(ValueError, match="time zone"):
        verifier.verify(certificate, at=datetime(2026, 3, 1))


# --- integrity ----------------------------------------------------------------------------------


def decoded(segment: str) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(
        base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))
    )
    return value


def encoded(value: Any) -> str:
    return b64url(value if isinstance(value, bytes) else orjson.dumps(value)).decode()


def reheaded(certificate: str, change: dict[str, Any]) -> str:
    header, _, rest = certificate.partition(".")
    return f"{encoded({**decoded(header), **change})}.{rest}"


def repaid(certificate: str, change: dict[str, Any]) -> str:
    header, payload, rest = certificate.split(".", 2)
    return f"{header}.{encoded({**decoded(payload), **change})}.{rest}"


def signed_by_hmac_with_the_public_key(certificate: str, signer: Es256Signer) -> str:
    """HS256 under the public key as secret: the classical confusion of algorithms."""
    header, payload, rest = certificate.split(".", 2)
    header = encoded({**decoded(header), "alg": "HS256"})
    secret = orjson.dumps(signer.public_jwk())
    mac = hmac.new(secret, f"{header}.{payload}".encode(), hashlib.sha256).digest()
    return f"{header}.{payload}.{encoded(mac)}~{rest.partition('~')[2]}"


def replaced_disclosure(certificate: str) -> str:
    parts = certificate.split("~")
    for at, one in enumerate(parts[1:-1], 1):
        salt, name, value = json.loads(base64.urlsafe_b64decode(one + "=" * (-len(one) % 4)))
        if name == "registered_capital":
            forged, _ = disclose(salt, name, value.replace("50", "5000"))
            parts[at] = forged.decode()
    return "~".join(parts)


def resigned(signer: Es256Signer, payload: Any, *disclosures: bytes, typ: str = TYP) -> str:
    raw = payload if isinstance(payload, bytes) else orjson.dumps(payload)
    return assemble(sign_compact(raw, signer, typ=typ), disclosures)


def nested(levels: int) -> Any:
    inside: Any = 1
    for _ in range(levels):
        inside = [inside]
    return inside


HIDDEN_STATUS, HIDDEN_STATUS_DIGEST = disclose("salt", "status", {})
BASE = {"iss": ISSUER, "iat": 1, "nbf": 1}

Defect = Callable[[str, Es256Signer], str | bytes]
DEFECTS: dict[str, tuple[str, Defect]] = {
    "alg none": ("alg-none", lambda c, s: reheaded(c, {"alg": "none"})),
    "alg none without a signature": (
        "alg-none",
        lambda c, s: reheaded(c, {"alg": "nOnE"}).partition("~")[0].rpartition(".")[0] + ".~",
    ),
    "HS256 with the public key as secret": (
        "alg-not-allowed",
        lambda c, s: signed_by_hmac_with_the_public_key(c, s),
    ),
    "EdDSA named for an ES256 key": ("alg-not-allowed", lambda c, s: reheaded(c, {"alg": "EdDSA"})),
    "alg of a wrong kind": ("alg-not-allowed", lambda c, s: reheaded(c, {"alg": ["ES256"]})),
    "wrong typ": ("wrong-typ", lambda c, s: resigned(s, BASE, typ="JWT")),
    "typ of a status list": ("wrong-typ", lambda c, s: resigned(s, BASE, typ="statuslist+jwt")),
    "duplicate claims": (
        "duplicate-claims",
        lambda c, s: resigned(s, f'{{"iss":"{ISSUER}","iat":1,"iat":2}}'.encode()),
    ),
    "duplicate header members": (
        "duplicate-claims",
        lambda c, s: (
            encoded(f'{{"alg":"none","alg":"ES256","kid":"{s.kid}","typ":"{TYP}"}}'.encode())
            + c[c.index(".") :]
        ),
    ),
    "altered claim": ("signature-invalid", lambda c, s: repaid(c, {"valid_until": "2099-01-01"})),
    "altered header": ("signature-invalid", lambda c, s: reheaded(c, {"x5c": []})),
    "critical extension": ("unknown-critical", lambda c, s: reheaded(c, {"crit": ["exp"]})),
    "replaced disclosure": ("disclosure-unmatched", lambda c, s: replaced_disclosure(c)),
    "disclosure of another certificate": (
        "disclosure-unmatched",
        lambda c, s: c + disclose("salt", "name", "某某")[0].decode() + "~",
    ),
    "disclosure sent twice": ("duplicate-disclosure", lambda c, s: c + c.split("~")[1] + "~"),
    "truncated in a disclosure": ("truncated", lambda c, s: c[:-10]),
    "truncated in the signature": ("not-an-sd-jwt", lambda c, s: c[: c.index("~") - 10]),
    "truncated in the payload": ("not-an-sd-jwt", lambda c, s: c[:200]),
    "signature cut short": (
        "signature-invalid",
        lambda c, s: c[: c.index("~") - 6] + c[c.index("~") :],
    ),
    "signature not base64": (
        "not-base64",
        lambda c, s: c[: c.index("~") - 2] + "+/" + c[c.index("~") :],
    ),
    "payload not base64": ("not-base64", lambda c, s: c.replace(".", ".*", 1)),
    "payload padded": (
        "not-base64",
        lambda c, s: c.split(".")[0] + ".e30=." + c.split(".")[2],
    ),
    "payload no object": ("payload-not-object", lambda c, s: resigned(s, [])),
    "payload not JSON": ("not-json", lambda c, s: resigned(s, b"{")),
    "payload not UTF-8": ("not-json", lambda c, s: resigned(s, b'{"iss":"\xff"}')),
    "payload with a lone surrogate": ("not-json", lambda c, s: resigned(s, b'{"iss":"\\ud800"}')),
    "deep nesting": ("too-deep", lambda c, s: resigned(s, {**BASE, "x": nested(40)})),
    "bottomless nesting": ("not-json", lambda c, s: resigned(s, b"[" * 9999 + b"]" * 9999)),
    "oversized": ("oversized", lambda c, s: c + "A" * MAX_SIZE),
    "not ASCII": ("not-an-sd-jwt", lambda c, s: "电子证照"),
    "not text": ("not-an-sd-jwt", lambda c, s: b"%PDF-1.7 \x00\xff"),
    "nothing": ("not-an-sd-jwt", lambda c, s: ""),
    "header no object": ("malformed", lambda c, s: encoded([]) + c[c.index(".") :]),
    "hidden status": (
        "must-stay-visible",
        lambda c, s: resigned(s, {**BASE, "_sd": [HIDDEN_STATUS_DIGEST]}, HIDDEN_STATUS),
    ),
}


@pytest.mark.parametrize("name", DEFECTS)
def test_a_defect_breaks_integrity_and_nothing_is_shown(
    name: str, verifier: Verifier, certificate: str, signer: Es256Signer
) -> None:
    code, make = DEFECTS[name]
    verdict = verifier.verify(make(certificate, signer), at=NOW)
    assert (verdict.integrity.outcome, verdict.integrity.code) == ("invalid", code)
    assert verdict.integrity.zh
    assert verdict.issuer.outcome == verdict.status.outcome == verdict.validity.outcome == "unknown"
    assert verdict.claims == {}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300)
@given(at=st.integers(0, 10**6), byte=st.integers(0, 255))
def test_one_changed_byte_never_passes(
    at: int, byte: int, verifier: Verifier, certificate: str
) -> None:
    raw = bytearray(certificate.encode())
    at %= len(raw)
    if raw[at] == byte:
        return
    raw[at] = byte
    assert verifier.verify(bytes(raw), at=NOW).integrity.outcome != "valid"


@given(st.binary(max_size=300))
def test_noise_gets_a_verdict_and_no_exception(noise: bytes) -> None:
    blank = Verifier(TrustAnchors.from_json({}))
    for document in (noise, b"e30.e30.AAAA~" + noise + b"~", b"e30." + b64url(noise) + b".AAAA~"):
        assert blank.verify(document, at=NOW).integrity.outcome != "valid"


# --- issuer -------------------------------------------------------------------------------------


def sign(draft: CertificateDraft, signer: Any, issuer_uri: str = ISSUER) -> str:
    return sign_certificate(
        draft, signer, issuer_uri=issuer_uri, issued_at=datetime(2026, 2, 1, 8, tzinfo=UTC)
    )


def test_an_issuer_that_is_not_trusted_is_invalid_and_its_signature_unchecked(
    verifier: Verifier, draft: CertificateDraft
) -> None:
    stranger = sign(draft, Es256Signer.generate(), "https://stranger.example")
    verdict = outcomes(verifier.verify(stranger, at=NOW))
    assert verdict["integrity"] == ("unknown", "signature-unchecked")
    assert verdict["issuer"] == ("invalid", "issuer-not-trusted")


def test_a_key_of_a_trusted_issuer_that_is_not_known_yet_is_unknown(
    verifier: Verifier, draft: CertificateDraft
) -> None:
    verdict = outcomes(verifier.verify(sign(draft, Es256Signer.generate()), at=NOW))
    assert verdict["integrity"] == ("unknown", "signature-unchecked")
    assert verdict["issuer"] == ("unknown", "key-unknown")


@pytest.mark.parametrize("issuer_uri", [ISSUER, "https://stranger.example"])
def test_the_key_of_another_issuer_does_not_pass_for_this_one(
    verifier: Verifier, draft: CertificateDraft, other_signer: Es256Signer, issuer_uri: str
) -> None:
    verdict = outcomes(verifier.verify(sign(draft, other_signer, issuer_uri), at=NOW))
    assert verdict["integrity"] == ("valid", "signature-holds")
    assert verdict["issuer"] == ("invalid", "key-of-another-issuer")


def test_a_certificate_of_another_department_is_not_this_issuers_to_sign(
    verifier: Verifier, draft: CertificateDraft, other_signer: Es256Signer
) -> None:
    verdict = verifier.verify(sign(draft, other_signer, "https://transport.example"), at=NOW)
    assert outcomes(verdict)["issuer"] == ("invalid", "department-mismatch")


def test_an_issuer_cannot_state_another_department_beside_a_malformed_identifier(
    verifier: Verifier, signer: Es256Signer
) -> None:
    for claims in (
        {"identifier": "nonsense", "issuer": {"code": "11440300MB2E09012L"}},
        {"identifier": 5, "issuer": {"code": ["11440000MB2D01234C"]}},
    ):
        verdict = verifier.verify(resigned(signer, {**BASE, **claims}), at=NOW)
        assert verdict.issuer.code == "department-mismatch"


def test_an_issuer_is_trusted_only_for_the_types_named(
    trust_document: dict[str, Any], certificate: str
) -> None:
    for types, code in (
        (["business-licence"], "issuer-trusted"),
        (["parking-facility-licence"], "type-not-allowed"),
        ([], "type-not-allowed"),
    ):
        trust_document["issuers"][0]["types"] = types
        verifier = Verifier(TrustAnchors.from_json(trust_document))
        assert verifier.verify(certificate, at=NOW).issuer.code == code


def test_an_issuer_may_sign_with_ed25519_too(
    trust_document: dict[str, Any], draft: CertificateDraft, signer: Es256Signer
) -> None:
    ed25519 = Ed25519Signer.generate()
    trust_document["issuers"][0]["jwks"]["keys"].append(ed25519.public_jwk())
    verifier = Verifier(TrustAnchors.from_json(trust_document))
    for one in (ed25519, signer):
        assert verifier.verify(sign(draft, one), at=NOW).issuer.code == "issuer-trusted"


def test_a_wrong_check_character_in_the_identifier_is_flagged(
    verifier: Verifier, signer: Es256Signer, draft: CertificateDraft
) -> None:
    sound = str(draft.identifier)
    wrong = sound[:-1] + ("A" if sound[-1] != "A" else "B")
    for text, flag in ((sound, True), (wrong, False), ("nonsense", False), (5, False)):
        verdict = verifier.verify(resigned(signer, {**BASE, "identifier": text}), at=NOW)
        assert verdict.identifier_sound is flag
    assert verifier.verify(resigned(signer, BASE), at=NOW).identifier_sound is None


# --- status -------------------------------------------------------------------------------------


def with_status(trust: TrustAnchors, token: str | None) -> Verifier:
    return Verifier(trust, {} if token is None else {STATUS_URI: token})


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0, ("valid", "status-valid")),
        (1, ("invalid", "status-invalid")),
        (2, ("invalid", "status-suspended")),
        (3, ("unknown", "status-value-unknown")),
    ],
)
def test_the_status_list_says_whether_the_certificate_is_in_force(
    trust: TrustAnchors,
    hub_signer: Es256Signer,
    certificate: str,
    value: int,
    expected: tuple[str, str],
) -> None:
    verifier = with_status(trust, status_token(hub_signer, {7: value}))
    verdict = outcomes(verifier.verify(certificate, at=NOW))
    assert verdict == {**ALL_VALID, "status": expected}


def test_an_issuer_may_publish_its_own_status_list(
    trust: TrustAnchors, signer: Es256Signer, other_signer: Es256Signer, certificate: str
) -> None:
    own = with_status(trust, status_token(signer, {7: 1}))
    assert own.verify(certificate, at=NOW).status.code == "status-invalid"
    forged = with_status(trust, status_token(other_signer, {}))
    assert forged.verify(certificate, at=NOW).status.code == "status-list-untrusted"


def test_status_evidence_that_does_not_count_leaves_the_status_unknown(
    trust: TrustAnchors, hub_signer: Es256Signer, certificate: str
) -> None:
    elsewhere = status_token(hub_signer, {}, uri="https://hub.example/status/2")
    stale = status_token(hub_signer, {}, expires_at=NOW)
    early = status_token(hub_signer, {}, issued_at=NOW + timedelta(minutes=5))
    sound = status_token(hub_signer, {})
    forged = sound.rpartition(".")[0] + "." + early.rpartition(".")[2]
    for token, code in (
        (None, "status-list-missing"),
        (elsewhere, "status-list-other-uri"),
        (stale, "status-list-stale"),
        (early, "status-list-not-yet"),
        (forged, "status-list-untrusted"),
        ("nonsense", "status-list-untrusted"),
    ):
        verdict = outcomes(with_status(trust, token).verify(certificate, at=NOW))
        assert verdict == {**ALL_VALID, "status": ("unknown", code)}


def test_a_stale_list_is_noticed_though_the_verifier_kept_it(
    verifier: Verifier, certificate: str
) -> None:
    assert verifier.verify(certificate, at=NOW).status.code == "status-valid"
    later = verifier.verify(certificate, at=NOW + timedelta(hours=13))
    assert later.status.code == "status-list-stale"
    assert later.freshness.status_expires_at == NOW + timedelta(hours=12)


def test_an_index_beyond_the_list_says_nothing(
    verifier: Verifier, signer: Es256Signer, draft: CertificateDraft
) -> None:
    beyond = sign(replace(draft, status_index=5000), signer)
    assert verifier.verify(beyond, at=NOW).status.code == "status-out-of-range"


@pytest.mark.parametrize(
    "status",
    [None, {}, [], {"status_list": 5}, {"status_list": {"uri": STATUS_URI, "idx": True}}],
)
def test_a_certificate_without_a_usable_status_claim_is_of_unknown_status(
    verifier: Verifier, signer: Es256Signer, status: Any
) -> None:
    verdict = verifier.verify(resigned(signer, {**BASE, "status": status}), at=NOW)
    assert verdict.status.code == "status-not-published"


# --- validity -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        # A certificate from 1 January to 31 December counts from midnight to midnight in China.
        (datetime(2024, 12, 31, 15, 59, 59, tzinfo=UTC), ("invalid", "not-yet-valid")),
        (datetime(2024, 12, 31, 16, 0, tzinfo=UTC), ("valid", "within-validity")),
        (datetime(2025, 12, 31, 15, 59, 59, tzinfo=UTC), ("valid", "within-validity")),
        (datetime(2025, 12, 31, 16, 0, tzinfo=UTC), ("invalid", "expired")),
    ],
)
def test_a_certificate_counts_on_the_days_it_names_and_on_no_other(
    trust: TrustAnchors,
    draft: CertificateDraft,
    signer: Es256Signer,
    at: datetime,
    expected: tuple[str, str],
) -> None:
    kind = replace(draft.type, validity=ValidityRule("term"))
    term = replace(draft, type=kind, valid_from=date(2025, 1, 1), valid_until=date(2025, 12, 31))
    token = sign_certificate(
        term, signer, issuer_uri=ISSUER, issued_at=datetime(2024, 12, 1, tzinfo=UTC)
    )
    assert outcomes(Verifier(trust).verify(token, at=at))["validity"] == expected


@pytest.mark.parametrize(
    ("times", "code"),
    [
        ({"iat": int(NOW.timestamp()) + 61}, "issued-in-future"),
        ({"iat": int(NOW.timestamp()) + 59}, "within-validity"),
        ({"nbf": None}, "validity-not-stated"),
        ({"nbf": "yesterday"}, "validity-not-stated"),
        ({"exp": True}, "validity-not-stated"),
        ({"exp": 5.5}, "expired"),
        ({"nbf": None, "exp": 5}, "expired"),
    ],
)
def test_strange_times_are_said_to_be_strange(
    verifier: Verifier, signer: Es256Signer, times: dict[str, Any], code: str
) -> None:
    assert verifier.verify(resigned(signer, {**BASE, **times}), at=NOW).validity.code == code


# --- trust documents ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("document", "code", "field"),
    [
        ("[]", "malformed", ""),
        ("{", "not-json", None),
        ('{"issuers":[],"issuers":[]}', "not-json", None),
        ({"issuers": {}}, "malformed", "issuers"),
        ({"issuers": [{}]}, "malformed", "issuers/0/id"),
        ({"issuers": [{"id": "a", "department": 5}]}, "malformed", "issuers/0/department"),
        ({"issuers": [{"id": "a", "department": "b"}]}, "malformed", "issuers/0/jwks"),
        ({"hub": {"jwks": {"keys": [{"kty": "oct"}]}}}, "keys", "hub/jwks"),
        ({"hub": []}, "malformed", "hub"),
        ({"log": {"origin": 5}}, "malformed", "log/origin"),
        ({"as_of": "yesterday"}, "malformed", "as_of"),
        ({"as_of": "2026-01-01T00:00:00"}, "malformed", "as_of"),
        (
            {"issuers": [{"id": "a", "department": "b", "jwks": {"keys": []}}] * 2},
            "repeated-issuer",
            "issuers/1/id",
        ),
    ],
)
def test_an_unusable_trust_document_is_refused_where_it_is_wrong(
    document: Any, code: str, field: str | None
) -> None:
    with pytest.raises(TrustError) as caught:
        TrustAnchors.from_json(document)
    assert (caught.value.code, caught.value.field) == (code, field)


def test_a_trust_document_is_read_from_text_and_keeps_the_log_key(
    trust_document: dict[str, Any],
) -> None:
    trust = TrustAnchors.from_json(json.dumps(trust_document))
    assert trust.log_origin == "hub.example/log"
    assert trust.log_key == "hub.example/log+00000000+AAAA"
    issuer = trust.find_issuer(ISSUER)
    assert issuer is not None
    assert issuer.name["zh"] == "广东省市场监督管理局"


def test_one_certificate_is_verified_by_one_call(
    trust: TrustAnchors, hub_signer: Es256Signer, certificate: str
) -> None:
    tokens = {STATUS_URI: status_token(hub_signer, {})}
    verdict = verify(certificate, trust=trust, status_tokens=tokens, at=NOW)
    assert outcomes(verdict) == ALL_VALID


def test_identifiers_of_the_wild_stand_in_certificates_too(draft: CertificateDraft) -> None:
    assert CertificateIdentifier.parse(str(draft.identifier)) == draft.identifier


FORBIDDEN = ("sqlalchemy", "psycopg2", "minio", "urllib3", "httpx", "requests", "http.client")


def test_verifying_loads_neither_a_database_nor_a_network_module() -> None:
    script = (
        "import sys, certstore, certstore.verify, certstore.__main__\n"
        "certstore.Verifier\n"
        f"loaded = [name for name in {FORBIDDEN!r} if name in sys.modules]\n"
        "raise SystemExit(', '.join(loaded) or 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
