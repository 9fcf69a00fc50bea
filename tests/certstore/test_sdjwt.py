"""SD-JWT: the facts of RFC 9901, another implementation in both directions, and every defect."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jwcrypto.jwk import JWK
from sd_jwt.common import SDObj
from sd_jwt.holder import SDJWTHolder
from sd_jwt.issuer import SDJWTIssuer
from sd_jwt.verifier import SDJWTVerifier

from certstore.base64url import b64url
from certstore.errors import CertstoreError, JwsError, SdJwtError
from certstore.jws import sign_compact
from certstore.keys import Es256Signer, TrustedKeys
from certstore.reveal import decode_disclosure, reveal
from certstore.sdjwt import (
    MAX_SIZE,
    assemble,
    digest_of,
    disclosable_paths,
    disclose,
    disclose_item,
    issue,
    new_salts,
    parse,
    present,
    verify,
)

TYP = "example+sd-jwt"
ADDRESS = {
    "street_address": "123 Main St",
    "locality": "Anytown",
    "region": "Anystate",
    "country": "US",
}

# Salts, claims and digests of the example in RFC 9901 section 5.1.
RFC_CLAIMS = [
    ("2GLC42sKQveCfGfryNRN9w", "given_name", "John", "jsu9yVulwQQlhFlM_3JlzMaSFzglhQG0DpfayQwLUK4"),
    ("eluV5Og3gSNII8EYnsxA_A", "family_name", "Doe", "TGf4oLbgwd5JQaHyKVQZU9UdGE0w5rtDsrZzfUaomLo"),
    (
        "6Ij7tM-a5iVPGboS5tmvVA",
        "email",
        "johndoe@example.com",
        "JzYjH4svliH0R3PyEMfeZu6Jt69u5qehZo7F7EPYlSE",
    ),
    (
        "eI8ZWm9QnKPpNPeNenHdhQ",
        "phone_number",
        "+1-202-555-0101",
        "PorFbpKuVu6xymJagvkFsFXAbRoc2JGlAUA2BA4o7cI",
    ),
    (
        "Qg_O64zqAxe412a108iroA",
        "phone_number_verified",
        True,
        "XQ_3kPKt1XyX7KANkqVR6yZ2Va5NrPIvPYbyMvRKBMM",
    ),
    ("AJx-095VPrpTtN4QMOqROA", "address", ADDRESS, "XzFrzwscM6Gn6CJDc6vVK8BkMnfG8vOSKfpPIZdAfdE"),
    (
        "Pc33JM2LchcU_lHggv_ufQ",
        "birthdate",
        "1940-01-01",
        "gbOsI4Edq2x2Kw-w5wPEzakob9hV1cRD0ATN3oQL9JM",
    ),
    (
        "G02NSrQfjFXQ7Io09syajA",
        "updated_at",
        1570000000,
        "CrQe7S5kqBAHt-nMYXgc6bdt2SH5aTY1sU_M-PgkjPI",
    ),
]
RFC_ITEMS = [
    ("lklxF5jMYlGTPUovMNIvCA", "US", "pFndjkZ_VCzmyTa6UjlZo3dh-ko8aIKQc9DlGzhaVYo"),
    ("nPuoQnkRFq3BIeAm7AnXFA", "DE", "7Cf6JkPudry3lcbwHgeZ8khAv1U1OSlerP0VkBJrWZ0"),
]


def as_rfc(*parts: Any) -> bytes:
    """A disclosure with the white space that the examples of the RFC use."""
    return b64url(json.dumps(parts, ensure_ascii=False).encode())


def test_digests_are_those_of_rfc_9901() -> None:
    for salt, name, value, digest in RFC_CLAIMS:
        assert digest_of(as_rfc(salt, name, value)) == digest
    for salt, value, digest in RFC_ITEMS:
        assert digest_of(as_rfc(salt, value)) == digest


def test_the_disclosures_of_section_4_are_those_of_rfc_9901() -> None:
    claim = b"WyJfMjZiYzRMVC1hYzZxMktJNmNCVzVlcyIsICJmYW1pbHlfbmFtZSIsICJNw7ZiaXVzIl0"
    assert decode_disclosure(claim) == ["_26bc4LT-ac6q2KI6cBW5es", "family_name", "Möbius"]
    assert digest_of(claim) == "X9yH0Ajrdm1Oij4tWso9UzzKJvPoDxwmuEcO3XAdRC0"
    item = b"WyJsa2x4RjVqTVlsR1RQVW92TU5JdkNBIiwgIkZSIl0"
    assert decode_disclosure(item) == ["lklxF5jMYlGTPUovMNIvCA", "FR"]
    assert digest_of(item) == "w0I8EKcdCtUPkGCNUrfwVp2xEgNjtoIDlOxc9-PlOhs"


def test_the_payload_of_section_5_shows_what_its_disclosures_say() -> None:
    payload = {
        "_sd": sorted(digest for *_, digest in RFC_CLAIMS),
        "iss": "https://issuer.example.com",
        "sub": "user_42",
        "nationalities": [{"...": digest} for *_, digest in RFC_ITEMS],
        "_sd_alg": "sha-256",
    }
    disclosures = [as_rfc(*claim[:3]) for claim in RFC_CLAIMS]
    disclosures += [as_rfc(*item[:2]) for item in RFC_ITEMS]
    assert reveal(payload, disclosures) == {
        "iss": "https://issuer.example.com",
        "sub": "user_42",
        "nationalities": ["US", "DE"],
        **{name: value for _, name, value, _ in RFC_CLAIMS},
    }
    assert reveal(payload, disclosures[:1])["nationalities"] == []


CLAIMS = {
    "iss": "https://issuer.example",
    "sub": "user_42",
    "given_name": "某某",
    "address": {"locality": "广州", "country": "CN"},
    "nationalities": ["CN", "DE", {"code": "FR"}],
}
HIDDEN = ["given_name", ("address", "locality"), "address", ("nationalities", 1)]


@pytest.fixture(scope="module")
def keys(signer: Es256Signer) -> TrustedKeys:
    return TrustedKeys.from_jwks({"keys": [signer.public_jwk()]})


@pytest.fixture(scope="module")
def sd_jwt(signer: Es256Signer) -> str:
    return issue(CLAIMS, HIDDEN, signer, typ=TYP)


def test_what_was_issued_is_what_is_verified(sd_jwt: str, keys: TrustedKeys) -> None:
    assert verify(sd_jwt, keys, typ=TYP) == CLAIMS


def test_hidden_claims_do_not_stand_in_what_is_signed(sd_jwt: str) -> None:
    assert verify_payload(sd_jwt).keys() == {"iss", "sub", "nationalities", "_sd", "_sd_alg"}
    payload = orjson.dumps(verify_payload(sd_jwt)).decode()
    for hidden in ("某某", "广州", "DE", "given_name", "address", "locality"):
        assert hidden not in payload


def verify_payload(sd_jwt: str) -> dict[str, Any]:
    import base64

    encoded = sd_jwt.split("~")[0].split(".")[1]
    value: dict[str, Any] = json.loads(
        base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4))
    )
    return value


def test_a_presentation_shows_what_was_chosen_and_what_surrounds_it(
    sd_jwt: str, keys: TrustedKeys
) -> None:
    shown = verify(present(sd_jwt, [("address", "locality")]), keys, typ=TYP)
    assert shown["address"] == {"locality": "广州", "country": "CN"}
    assert "given_name" not in shown
    assert shown["nationalities"] == ["CN", {"code": "FR"}]
    assert verify(present(sd_jwt, ["address"]), keys, typ=TYP)["address"] == {"country": "CN"}
    assert verify(present(sd_jwt, [("nationalities", 1)]), keys, typ=TYP)["nationalities"] == [
        "CN",
        "DE",
        {"code": "FR"},
    ]
    assert verify(present(sd_jwt, []), keys, typ=TYP).keys() == {"iss", "sub", "nationalities"}


def test_a_presentation_can_be_narrowed_again_but_not_widened(sd_jwt: str) -> None:
    narrow = present(present(sd_jwt, ["given_name", "address"]), ["given_name"])
    assert disclosable_paths(narrow) == {("given_name",)}
    with pytest.raises(SdJwtError, match="no-such-claim"):
        present(narrow, ["address"])


def test_salts_are_never_drawn_twice() -> None:
    salts = new_salts(1000)
    assert len(set(salts)) == 1000
    assert {len(salt) for salt in salts} == {24}  # 144 bits


@pytest.mark.parametrize(
    ("claims", "hidden", "code"),
    [
        ({"a": 1}, ["b"], "no-such-claim"),
        ({"a": [1]}, [("a", 1)], "no-such-claim"),
        ({"iss": "x"}, ["iss"], "must-stay-visible"),
        ({"status": {"status_list": {}}}, [("status", "status_list")], "must-stay-visible"),
        ({"_sd": []}, [], "reserved-claim-name"),
        ({"a": {"...": 1}}, [], "reserved-claim-name"),
        ({"_sd_alg": "md5"}, [], "reserved-claim-name"),
        ({"a": {1, 2}}, ["a"], "not-json"),
    ],
)
def test_what_cannot_be_issued_is_refused(
    signer: Es256Signer, claims: dict[str, Any], hidden: list[Any], code: str
) -> None:
    with pytest.raises(SdJwtError) as caught:
        issue(claims, hidden, signer, typ=TYP)
    assert caught.value.code == code


def test_too_few_salts_are_refused(signer: Es256Signer) -> None:
    with pytest.raises(SdJwtError, match="too-few-salts"):
        issue({"a": 1, "b": 2}, ["a", "b"], signer, typ=TYP, salts=["one"])


# --- another implementation, both ways ---------------------------------------------------------


def test_the_other_implementation_verifies_what_is_issued_here(
    sd_jwt: str, signer: Es256Signer
) -> None:
    key = JWK(**signer.public_jwk())
    assert SDJWTVerifier(sd_jwt, lambda *_: key).get_verified_payload() == CLAIMS
    presented = present(sd_jwt, [("address", "locality")])
    shown = SDJWTVerifier(presented, lambda *_: key).get_verified_payload()
    assert shown["address"] == {"locality": "广州", "country": "CN"}
    assert "given_name" not in shown


def test_what_the_other_implementation_issues_is_verified_here() -> None:
    private = JWK.generate(kty="EC", crv="P-256", kid="other")
    hidden = {
        "iss": "https://issuer.example",
        SDObj("given_name"): "某某",
        SDObj("address"): {SDObj("locality"): "广州", "country": "CN"},
        "nationalities": ["CN", SDObj("DE")],
    }
    issuer = SDJWTIssuer(
        hidden,
        private,
        add_decoy_claims=True,
        extra_header_parameters={"kid": "other", "typ": TYP},
    )
    keys = TrustedKeys.from_jwks({"keys": [private.export_public(as_dict=True)]})
    assert verify(issuer.sd_jwt_issuance, keys, typ=TYP) == {
        "iss": "https://issuer.example",
        "given_name": "某某",
        "address": {"locality": "广州", "country": "CN"},
        "nationalities": ["CN", "DE"],
    }
    holder = SDJWTHolder(issuer.sd_jwt_issuance)
    holder.create_presentation({"given_name": True})
    assert verify(holder.sd_jwt_presentation, keys, typ=TYP)["given_name"] == "某某"


# --- defects ------------------------------------------------------------------------------------


def signed(signer: Es256Signer, payload: Any, *disclosures: bytes) -> str:
    return assemble(sign_compact(orjson.dumps(payload), signer, typ=TYP), disclosures)


ONE, ONE_DIGEST = disclose("salt-one", "a", 1)
OTHER, OTHER_DIGEST = disclose("salt-two", "a", 2)
ITEM, ITEM_DIGEST = disclose_item("salt-three", 3)


def raw(value: Any) -> tuple[bytes, str]:
    encoded = b64url(value if isinstance(value, bytes) else orjson.dumps(value))
    return encoded, digest_of(encoded)


def with_one(value: Any) -> Callable[[Es256Signer], str]:
    encoded, digest = raw(value)
    return lambda signer: signed(signer, {"_sd": [digest]}, encoded)


def nested(levels: int, inside: Any) -> Any:
    for _ in range(levels):
        inside = {"a": inside}
    return inside


def chained(levels: int) -> Callable[[Es256Signer], str]:
    """Disclosures inside disclosures, each flat by itself."""
    disclosures: list[bytes] = []
    value: Any = 1
    for level in range(levels):
        encoded, digest = disclose(f"salt-{level}", "a", value)
        disclosures.append(encoded)
        value = {"_sd": [digest]}
    return lambda signer: signed(signer, value, *disclosures)


DEFECTS: dict[str, tuple[str, Callable[[Es256Signer], str]]] = {
    "replaced disclosure": (
        "disclosure-unmatched",
        lambda s: signed(s, {"_sd": [ONE_DIGEST]}, OTHER),
    ),
    "disclosure nobody signed": ("disclosure-unmatched", lambda s: signed(s, {}, ONE)),
    "digest mismatch by respelling": (
        "disclosure-unmatched",
        lambda s: signed(s, {"_sd": [ONE_DIGEST]}, as_rfc("salt-one", "a", 1)),
    ),
    "disclosure sent twice": (
        "duplicate-disclosure",
        lambda s: signed(s, {"_sd": [ONE_DIGEST]}, ONE, ONE),
    ),
    "digest twice in one object": (
        "duplicate-digest",
        lambda s: signed(s, {"_sd": [ONE_DIGEST, ONE_DIGEST]}, ONE),
    ),
    "digest twice in two places": (
        "duplicate-digest",
        lambda s: signed(s, {"_sd": [ONE_DIGEST], "b": {"_sd": [ONE_DIGEST]}}, ONE),
    ),
    "digest twice in an array": (
        "duplicate-digest",
        lambda s: signed(s, {"b": [{"...": ITEM_DIGEST}, {"...": ITEM_DIGEST}]}, ITEM),
    ),
    "two disclosures of one name": (
        "claim-exists",
        lambda s: signed(s, {"_sd": [ONE_DIGEST, OTHER_DIGEST]}, ONE, OTHER),
    ),
    "disclosure over a visible claim": (
        "claim-exists",
        lambda s: signed(s, {"a": 0, "_sd": [ONE_DIGEST]}, ONE),
    ),
    "unknown digest algorithm": (
        "unknown-digest-alg",
        lambda s: signed(s, {"_sd": [ONE_DIGEST], "_sd_alg": "md5"}, ONE),
    ),
    "digest algorithm of a wrong kind": (
        "unknown-digest-alg",
        lambda s: signed(s, {"_sd": [ONE_DIGEST], "_sd_alg": ["sha-256"]}, ONE),
    ),
    "claim named _sd": ("reserved-claim-name", with_one(["s", "_sd", 1])),
    "claim named ...": ("reserved-claim-name", with_one(["s", "...", 1])),
    "item where a claim belongs": (
        "malformed-disclosure",
        lambda s: signed(s, {"_sd": [ITEM_DIGEST]}, ITEM),
    ),
    "claim where an item belongs": (
        "malformed-disclosure",
        lambda s: signed(s, {"b": [{"...": ONE_DIGEST}]}, ONE),
    ),
    "disclosure of one part": ("malformed-disclosure", with_one(["s"])),
    "disclosure of four parts": ("malformed-disclosure", with_one(["s", "a", 1, 2])),
    "disclosure without a salt": ("malformed-disclosure", with_one([1, "a", 1])),
    "disclosure with a number for a name": ("malformed-disclosure", with_one(["s", 1, 1])),
    "disclosure that is an object": ("malformed-disclosure", with_one({"s": 1, "a": 2, "b": 3})),
    "disclosure that is a text of three": ("malformed-disclosure", with_one("abc")),
    "disclosure that is not JSON": ("not-json", with_one(b"[1,2")),
    "disclosure that is not UTF-8": ("not-json", with_one(b'["s","a","\xff"]')),
    "disclosure with a member twice": ("duplicate-claims", with_one(b'["s","a",{"b":1,"b":2}]')),
    "disclosure that is not base64": ("not-base64", lambda s: signed(s, {}, b"a+b/")),
    "empty disclosure": ("not-json", lambda s: signed(s, {}, b"")),
    "_sd that is no array": ("malformed-digests", lambda s: signed(s, {"_sd": ONE_DIGEST}, ONE)),
    "_sd that is null": ("malformed-digests", lambda s: signed(s, {"_sd": None})),
    "_sd of numbers": ("malformed-digests", lambda s: signed(s, {"_sd": [1]})),
    "_sd of arrays": ("malformed-digests", lambda s: signed(s, {"_sd": [["x"]]})),
    "... in an object": (
        "malformed-digests",
        lambda s: signed(s, {"b": {"...": ITEM_DIGEST}}, ITEM),
    ),
    "... beside others in an array": (
        "malformed-digests",
        lambda s: signed(s, {"b": [{"...": ITEM_DIGEST, "c": 1}]}, ITEM),
    ),
    "... with a number": ("malformed-digests", lambda s: signed(s, {"b": [{"...": 1}]})),
    "payload that is no object": ("payload-not-object", lambda s: signed(s, [])),
    "payload nested deeply": ("too-deep", lambda s: signed(s, nested(40, 1))),
    "payload nested bottomlessly": (
        "not-json",
        lambda s: assemble(sign_compact(b"[" * 5000 + b"]" * 5000, s, typ=TYP), ()),
    ),
    "disclosure nested deeply": ("too-deep", with_one(["s", "a", nested(40, 1)])),
    "disclosures nested in disclosures": ("too-deep", chained(40)),
    "payload with a member twice": (
        "duplicate-claims",
        lambda s: assemble(sign_compact(b'{"iss":"a","iss":"b"}', s, typ=TYP), ()),
    ),
    "wrong typ": ("wrong-typ", lambda s: assemble(sign_compact(b"{}", s, typ="JWT"), ())),
    "oversized": ("oversized", lambda s: signed(s, {}) + "A" * MAX_SIZE),
    "too many disclosures": ("too-many-disclosures", lambda s: signed(s, {}) + "QQ~" * 1001),
    "no tilde": ("not-an-sd-jwt", lambda s: signed(s, {}).rstrip("~")),
    "nothing": ("not-an-sd-jwt", lambda s: ""),
    "not ASCII": ("not-an-sd-jwt", lambda s: "证照~"),
    "cut off in the last disclosure": (
        "truncated",
        lambda s: signed(s, {"_sd": [ONE_DIGEST]}, ONE)[:-3],
    ),
    "cut off in the signature": ("not-an-sd-jwt", lambda s: signed(s, {"a": 1})[:-20]),
    "signature of another payload": (
        "signature-invalid",
        lambda s: signed(s, {"a": 1}).rpartition(".")[0] + "." + signed(s, {}).rpartition(".")[2],
    ),
}


@pytest.mark.parametrize("name", DEFECTS)
def test_a_defect_is_refused_by_its_own_code(
    name: str, signer: Es256Signer, keys: TrustedKeys
) -> None:
    code, make = DEFECTS[name]
    with pytest.raises(CertstoreError) as caught:
        verify(make(signer), keys, typ=TYP)
    assert caught.value.code == code


def test_white_space_and_escapes_in_a_payload_are_no_defect(
    signer: Es256Signer, keys: TrustedKeys
) -> None:
    spaced = b'{ "name" : "\\u5e7f\\u5dde" }'
    token = assemble(sign_compact(spaced, signer, typ=TYP), ())
    assert verify(token, keys, typ=TYP) == {"name": "广州"}


def test_decoy_digests_are_passed_over(signer: Es256Signer, keys: TrustedKeys) -> None:
    token = signed(signer, {"_sd": [ONE_DIGEST, "decoy"], "b": [{"...": "decoy-item"}]}, ONE)
    assert verify(token, keys, typ=TYP) == {"a": 1, "b": []}


def test_a_key_binding_jwt_is_kept_apart(sd_jwt: str, keys: TrustedKeys) -> None:
    bound = sd_jwt + "e30.e30.AAAA"
    assert parse(bound).key_binding == b"e30.e30.AAAA"
    assert verify(bound, keys, typ=TYP) == CLAIMS


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.text(st.characters(codec="utf-8")),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.text(st.characters(codec="utf-8"), max_size=5).filter(
                lambda name: name not in ("_sd", "...", "_sd_alg")
            ),
            inner,
            max_size=3,
        )
    ),
    max_leaves=10,
)


def paths_of(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    found = [path] if path else []
    parts = value.items() if isinstance(value, dict) else enumerate(value)
    for name, inner in parts if isinstance(value, (dict, list)) else ():
        at = (*path, name)
        found += paths_of(inner, at) if isinstance(inner, (dict, list)) else [at]
    return found


@given(
    claims=st.dictionaries(st.sampled_from(["one", "two", "three"]), JSON, max_size=3),
    data=st.data(),
)
def test_any_claims_hidden_anywhere_come_back_whole(
    claims: dict[str, Any], data: st.DataObject
) -> None:
    paths = paths_of(claims)
    hidden = data.draw(st.lists(st.sampled_from(paths), unique=True)) if paths else []
    token = issue(claims, hidden, SIGNER, typ=TYP)
    assert verify(token, SIGNER_KEYS, typ=TYP) == claims
    assert disclosable_paths(token) == set(hidden)
    verify(present(token, hidden[:1]), SIGNER_KEYS, typ=TYP)


SIGNER = Es256Signer.generate()
SIGNER_KEYS = TrustedKeys.from_jwks({"keys": [SIGNER.public_jwk()]})


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_no_noise_raises_anything_but_a_refusal(noise: bytes) -> None:
    for document in (noise, noise + b"~", b"e30." + noise + b".AAAA~" + noise + b"~"):
        with pytest.raises((JwsError, SdJwtError)):
            verify(document, SIGNER_KEYS, typ=TYP)
