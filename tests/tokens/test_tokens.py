"""Tokens for systems and applicants; every refusal stands in the log."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from exchange.departments.records import System
from tests.cases.room import CENTRE, PASSWORD, PUBLIC_URL, Room

CLIENT = "approval-system"
TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
KEYS: dict[str, Any] = {
    "ES256": ec.generate_private_key(ec.SECP256R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate(),
    "PS256": rsa.generate_private_key(public_exponent=65537, key_size=2048),
}


def jwk(algorithm: str) -> dict[str, Any]:
    public = jwt.get_algorithm_by_name(algorithm).to_jwk(KEYS[algorithm].public_key(), as_dict=True)
    return {"kty": public["kty"], **public, "kid": algorithm}


@pytest.fixture
def system(room: Room) -> System:
    system = System(
        CLIENT,
        CENTRE,
        "审批系统",
        {"keys": [jwk(algorithm) for algorithm in KEYS]},
        frozenset({"cases", "lookups"}),
        None,
    )
    room.hub.publishing.register_system(system)
    return system


def claims(room: Room, **changes: Any) -> dict[str, Any]:
    now = int(room.clock.now().timestamp())
    made = {
        "iss": CLIENT,
        "sub": CLIENT,
        "aud": f"{PUBLIC_URL}/oauth/token",
        "jti": secrets.token_hex(12),
        "iat": now,
        "exp": now + 60,
        **changes,
    }
    return {name: value for name, value in made.items() if value is not None}


def signed(room: Room, algorithm: str = "ES256", *, kid: str | None = None, **changes: Any) -> str:
    return jwt.encode(
        claims(room, **changes), KEYS[algorithm], algorithm, headers={"kid": kid or algorithm}
    )


def post(room: Room, assertion: str, **changes: Any) -> httpx.Response:
    form = {
        "grant_type": "client_credentials",
        "client_assertion_type": TYPE,
        "client_assertion": assertion,
        **changes,
    }
    return httpx.post(
        f"{room.url}/oauth/token", data={k: v for k, v in form.items() if v is not None}, timeout=30
    )


@pytest.mark.parametrize("algorithm", list(KEYS))
def test_each_accepted_algorithm_opens_the_door(room: Room, system: System, algorithm: str) -> None:
    answer = post(room, signed(room, algorithm))
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    token = answer.json()
    assert token["token_type"] == "Bearer" and token["scope"] == "cases lookups"
    bearer = {"Authorization": f"Bearer {token['access_token']}"}
    found = httpx.get(f"{room.url}/v1/cases", params={"case_number": "C"}, headers=bearer)
    assert found.status_code == 200
    [record] = [each for each in room.records("token-issued") if each["system"] == CLIENT]
    assert record["department"] == CENTRE and record["key"] == algorithm


def _unsigned(room: Room) -> str:
    return jwt.encode(claims(room), None, algorithm="none", headers={"kid": "ES256"})


def _hs256_with_the_public_key(room: Room) -> str:
    def part(value: dict[str, Any]) -> bytes:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=")

    pem = KEYS["ES256"].public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    signing = part({"alg": "HS256", "kid": "ES256", "typ": "JWT"}) + b"." + part(claims(room))
    signature = hmac.digest(pem, signing, hashlib.sha256)
    return (signing + b"." + base64.urlsafe_b64encode(signature).rstrip(b"=")).decode()


def _by_a_strange_key(room: Room) -> str:
    strange = ec.generate_private_key(ec.SECP256R1())
    return jwt.encode(claims(room), strange, "ES256", headers={"kid": "ES256"})


def _seconds(room: Room, by: float) -> int:
    return int(room.clock.now().timestamp() + by)


DEFECTS: dict[str, Callable[[Room], str]] = {
    "alg none": _unsigned,
    "HS256 with the public key as secret": _hs256_with_the_public_key,
    "a strange key": _by_a_strange_key,
    "unknown kid": lambda room: signed(room, kid="nobody"),
    "kid of a key of another kind": lambda room: signed(room, "ES256", kid="PS256"),
    "wrong aud": lambda room: signed(room, aud="https://elsewhere.example"),
    "no aud": lambda room: signed(room, aud=None),
    "wrong iss": lambda room: signed(room, iss="another"),
    "another sub": lambda room: signed(room, sub="another"),
    "expired": lambda room: signed(room, exp=_seconds(room, -31)),
    "no exp": lambda room: signed(room, exp=None),
    "too long a life": lambda room: signed(room, exp=_seconds(room, 331)),
    "not valid yet": lambda room: signed(room, nbf=_seconds(room, 60)),
    "exp beyond all years": lambda room: signed(room, exp=10**15),
    "exp as text": lambda room: signed(room, exp="tomorrow"),
    "no jti": lambda room: signed(room, jti=None),
    "short jti": lambda room: signed(room, jti="1"),
    "no JWT": lambda room: "not.a.jwt",
    "truncated": lambda room: signed(room)[:-10],
    "too long": lambda room: "a" * 9000,
}


@pytest.mark.parametrize("defect", list(DEFECTS))
def test_a_defective_assertion_is_refused_in_both_forms_and_recorded(
    room: Room, system: System, defect: str
) -> None:
    before = len(room.records("token-refused"))
    answer = post(room, DEFECTS[defect](room))
    problem = answer.json()
    assert answer.status_code == 401, answer.text
    assert problem["error"] == "invalid_client" and problem["error_description"].isascii()
    assert problem["type"] == "urn:yici:problem:invalid-client" and problem["zh"]["detail"]
    assert len(room.records("token-refused")) == before + 1
    assert not [each for each in room.records("token-issued") if each["system"] == CLIENT]


def test_an_assertion_counts_once(room: Room, system: System) -> None:
    assertion = signed(room)
    assert post(room, assertion).status_code == 200
    again = post(room, assertion)
    assert again.status_code == 401
    [refused] = room.records("token-refused")
    assert refused["system"] == CLIENT and refused["outcome"] == "refused"


def test_an_unknown_client_is_refused_and_its_claimed_name_is_not_kept(room: Room) -> None:
    answer = post(room, signed(room))
    assert answer.status_code == 401
    [refused] = room.records("token-refused")
    assert "system" not in refused and CLIENT not in str(refused)


def test_a_disabled_client_gets_no_token_and_its_old_ones_stop(room: Room, system: System) -> None:
    token = post(room, signed(room)).json()["access_token"]
    room.hub.publishing.disable_system(CLIENT)
    assert post(room, signed(room)).status_code == 401
    bearer = {"Authorization": f"Bearer {token}"}
    found = httpx.get(f"{room.url}/v1/cases", params={"case_number": "C"}, headers=bearer)
    assert found.status_code == 401 and len(room.records("token-refused")) == 1


def test_a_scope_may_be_narrower_but_not_wider(room: Room, system: System) -> None:
    assert post(room, signed(room), scope="cases").json()["scope"] == "cases"
    wider = post(room, signed(room), scope="cases governance")
    assert wider.status_code == 400 and wider.json()["error"] == "invalid_scope"
    [refused] = room.records("token-refused")
    assert refused["reason"] == "invalid_scope"


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"grant_type": None}, "invalid_request"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"client_assertion_type": "urn:other"}, "invalid_request"),
        ({"client_assertion": None}, "invalid_request"),
        ({"client_id": "another"}, "invalid_request"),
        ({"scope": ["cases", "lookups"]}, "invalid_request"),
    ],
)
def test_a_request_of_the_wrong_form_says_what_is_wrong(
    room: Room, system: System, changes: dict[str, Any], error: str
) -> None:
    answer = post(room, signed(room), **changes)
    assert answer.status_code == 400 and answer.json()["error"] == error, answer.text


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b"{}", "application/json", 415),
        (b"x" * 20_000, "application/x-www-form-urlencoded", 413),
        (b"\xff\xfe=1", "application/x-www-form-urlencoded", 400),
        (b"%ff=%ff&a=%zz", "application/x-www-form-urlencoded", 400),
        (b"", "application/x-www-form-urlencoded", 400),
    ],
)
def test_a_body_that_is_no_form_is_a_clear_problem(
    room: Room, content: bytes, kind: str, status: int
) -> None:
    answer = httpx.post(
        f"{room.url}/oauth/token", content=content, headers={"Content-Type": kind}, timeout=30
    )
    assert answer.status_code == status and answer.json()["error"] == "invalid_request"


def test_the_metadata_leads_to_the_keys_that_verify_a_token(room: Room, system: System) -> None:
    metadata = httpx.get(f"{room.url}/.well-known/oauth-authorization-server").json()
    assert metadata["issuer"] == PUBLIC_URL
    assert metadata["token_endpoint_auth_methods_supported"] == ["private_key_jwt"]
    keys = httpx.get(f"{room.url}/.well-known/jwks.json").json()["keys"]
    assert not any("d" in key for key in keys) and len(keys) == 2
    token = post(room, signed(room)).json()["access_token"]
    kid = jwt.get_unverified_header(token)["kid"]
    [key] = [each for each in keys if each["kid"] == kid]
    verified = jwt.decode(
        token, jwt.PyJWK(key), algorithms=["ES256"], audience=PUBLIC_URL,
        options={"verify_exp": False, "verify_iat": False},
    )  # fmt: skip
    assert verified["sub"] == CLIENT


def sign_in(room: Room, account: str = "first", password: str = PASSWORD) -> httpx.Response:
    return httpx.post(
        f"{room.url}/v1/me/sessions", json={"account": account, "password": password}, timeout=30
    )


def test_an_applicant_signs_in(room: Room) -> None:
    answer = sign_in(room)
    assert answer.status_code == 201 and answer.headers["cache-control"] == "no-store"
    bearer = {"Authorization": f"Bearer {answer.json()['access_token']}"}
    assert httpx.get(f"{room.url}/v1/me", headers=bearer).json()["account"] == "first"


def test_an_unknown_account_reads_like_a_wrong_password_and_both_are_recorded(room: Room) -> None:
    wrong, unknown = sign_in(room, password="wrong"), sign_in(room, account="nobody")
    assert wrong.status_code == unknown.status_code == 401
    assert wrong.json() == unknown.json()
    assert [each["outcome"] for each in room.records("sign-in")] == ["refused", "refused"]


def test_five_wrong_passwords_lock_the_account_for_a_quarter_of_an_hour(room: Room) -> None:
    for _ in range(5):
        assert sign_in(room, password="wrong").status_code == 401
    locked = sign_in(room)
    assert locked.status_code == 429 and locked.headers["retry-after"] == "900"
    assert sign_in(room, "second").status_code == 201
    room.clock.advance(minutes=15, seconds=1)
    assert sign_in(room).status_code == 201
    refused = [each for each in room.records("sign-in") if each["outcome"] == "refused"]
    assert len(refused) == 6


def test_an_expired_or_strange_token_opens_nothing(room: Room) -> None:
    token = sign_in(room).json()["access_token"]
    room.clock.advance(hours=2)
    for value in (f"Bearer {token}", f"Bearer {token[:-3]}AAA", "Bearer x", "Bearer", "Basic a"):
        answer = httpx.get(f"{room.url}/v1/me", headers={"Authorization": value})
        assert answer.status_code == 401 and answer.headers["www-authenticate"] == "Bearer"


def test_an_applicants_token_is_none_of_a_system(room: Room) -> None:
    me = room.applicant()
    assert me.get("/v1/cases", params={"case_number": "C"}).status_code == 403
    assert room.system(CENTRE).get("/v1/me/cases").status_code == 403
    assert len(room.records("refusal")) == 2


def test_replacing_a_systems_keys_stops_the_old_ones(room: Room, system: System) -> None:
    room.hub.publishing.register_system(replace(system, jwks={"keys": [jwk("EdDSA")]}))
    assert post(room, signed(room, "ES256")).status_code == 401
    assert post(room, signed(room, "EdDSA")).status_code == 200
