"""Signing keys, how they rest on disk, and the Wycheproof vectors for those that verify."""

from __future__ import annotations

import json
import pickle
import stat
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_der_public_key

from certstore.base64url import b64url, b64url_decode
from certstore.errors import CertstoreError, JwsError, KeyFault
from certstore.jws import refuse_alg_none, sign_compact, verify_compact, verify_with_key
from certstore.keys import (
    Ed25519Signer,
    Es256Signer,
    TrustedKeys,
    VerifyingKey,
    load_signer,
    thumbprint,
)


def vectors(shared_dir: Path, name: str) -> list[dict[str, Any]]:
    groups: list[dict[str, Any]] = json.loads(
        (shared_dir / "vectors" / "wycheproof" / name).read_text()
    )["testGroups"]
    assert groups
    return groups


@pytest.mark.parametrize("make", [Es256Signer.generate, Ed25519Signer.generate])
def test_what_a_signer_signs_its_public_key_verifies(make: Any) -> None:
    signer = make()
    key = VerifyingKey.from_jwk(signer.public_jwk())
    assert (key.kid, key.alg) == (signer.kid, signer.alg)
    for number in range(300):  # short r and s come up about once in 128 signatures
        data = number.to_bytes(4, "big")
        signature = signer.sign(data)
        assert len(signature) == 64
        assert key.verify(signature, data)
        assert not key.verify(signature, data + b"!")


def test_the_kid_is_the_thumbprint_of_rfc_7638_and_8037() -> None:
    jwk = {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}
    assert thumbprint(jwk) == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
    assert VerifyingKey.from_jwk(jwk).kid == thumbprint(jwk)


def test_a_key_rests_encrypted_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "issuer.pem"
    signer = Es256Signer.generate()
    signer.save(path, b"correct horse")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert b"ENCRYPTED" in path.read_bytes()
    assert load_signer(path, b"correct horse").kid == signer.kid
    assert [one.name for one in path.parent.iterdir()] == ["issuer.pem"]


def test_an_ed25519_key_rests_likewise_and_shows_its_raw_public_key(tmp_path: Path) -> None:
    signer = Ed25519Signer.generate()
    signer.save(tmp_path / "log.pem", b"correct horse")
    loaded = load_signer(tmp_path / "log.pem", b"correct horse")
    assert isinstance(loaded, Ed25519Signer)
    assert loaded.public_bytes == signer.public_bytes
    assert len(loaded.public_bytes) == 32


def test_a_key_is_neither_written_nor_read_without_a_passphrase(tmp_path: Path) -> None:
    signer = Es256Signer.generate()
    with pytest.raises(KeyFault, match="no-passphrase"):
        signer.save(tmp_path / "key.pem", b"")
    assert not list(tmp_path.iterdir())
    signer.save(tmp_path / "key.pem", b"correct horse")
    with pytest.raises(KeyFault, match="no-passphrase"):
        load_signer(tmp_path / "key.pem", b"")


def test_a_key_file_that_is_missing_damaged_plain_or_of_another_kind_is_refused(
    tmp_path: Path,
) -> None:
    with pytest.raises(KeyFault, match="key-missing"):
        load_signer(tmp_path / "none.pem", b"x")
    Es256Signer.generate().save(tmp_path / "key.pem", b"correct horse")
    with pytest.raises(KeyFault, match="key-unreadable"):
        load_signer(tmp_path / "key.pem", b"wrong horse")
    other = ec.generate_private_key(ec.SECP384R1())
    for name, encryption, code in (
        ("plain.pem", serialization.NoEncryption(), "key-unreadable"),
        ("p384.pem", serialization.BestAvailableEncryption(b"x"), "wrong-curve"),
    ):
        (tmp_path / name).write_bytes(
            other.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption
            )
        )
        (tmp_path / name).chmod(0o600)
        with pytest.raises(KeyFault, match=code):
            load_signer(tmp_path / name, b"x")


@pytest.mark.parametrize("mode", [0o604, 0o602, 0o620, 0o666], ids=oct)
def test_a_key_file_open_to_others_is_refused_and_the_remedy_named(
    tmp_path: Path, mode: int
) -> None:
    path = tmp_path / "key.pem"
    Es256Signer.generate().save(path, b"correct horse")
    load_signer(path, b"correct horse")
    path.chmod(mode)
    with pytest.raises(KeyFault, match=r"key-exposed.*key\.pem.*chmod 600") as caught:
        load_signer(path, b"correct horse")
    assert "chmod 600" in caught.value.zh


def test_a_wrong_passphrase_names_the_file_and_not_its_folder(tmp_path: Path) -> None:
    Es256Signer.generate().save(tmp_path / "key.pem", b"correct horse")
    with pytest.raises(KeyFault, match=r"key\.pem.*passphrase") as caught:
        load_signer(tmp_path / "key.pem", b"wrong horse")
    assert "口令" in caught.value.zh
    assert str(tmp_path) not in str(caught.value)


def test_a_signer_never_slips_into_a_pickle(signer: Es256Signer) -> None:
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(signer)


def test_wycheproof_ecdsa_p1363(shared_dir: Path) -> None:
    counted = 0
    for group in vectors(shared_dir, "ecdsa_secp256r1_sha256_p1363_test.json"):
        public = load_der_public_key(bytes.fromhex(group["publicKeyDer"]))
        assert isinstance(public, ec.EllipticCurvePublicKey)
        numbers = public.public_numbers()
        key = VerifyingKey.from_jwk(
            {
                "kty": "EC",
                "crv": "P-256",
                "x": b64url(numbers.x.to_bytes(32, "big")).decode(),
                "y": b64url(numbers.y.to_bytes(32, "big")).decode(),
            }
        )
        for test in group["tests"]:
            held = key.verify(bytes.fromhex(test["sig"]), bytes.fromhex(test["msg"]))
            assert held == (test["result"] == "valid"), test["tcId"]
            counted += 1
    assert counted == 262


def test_wycheproof_ed25519(shared_dir: Path) -> None:
    counted = 0
    for group in vectors(shared_dir, "ed25519_test.json"):
        public = bytes.fromhex(group["publicKey"]["pk"])
        key = VerifyingKey.from_jwk({"kty": "OKP", "crv": "Ed25519", "x": b64url(public).decode()})
        for test in group["tests"]:
            held = key.verify(bytes.fromhex(test["sig"]), bytes.fromhex(test["msg"]))
            assert held == (test["result"] == "valid"), test["tcId"]
            counted += 1
    assert counted == 151


def test_wycheproof_json_web_keys(shared_dir: Path) -> None:
    """Every vector that is to be refused is. Those to be accepted use HS256/384/512 or RS256,
    which are not algorithms of certificates: they are refused too, and by no accident."""
    for group in vectors(shared_dir, "json_web_key_test.json"):
        jwks = group.get("public") or group["private"]
        for test in group["tests"]:
            with pytest.raises(CertstoreError) as caught:
                verify_compact(test["jws"].encode(), TrustedKeys.from_jwks(jwks), typ="JWT")
            # Never only for want of a typ: the key or the algorithm is what is refused.
            assert caught.value.code != "wrong-typ"
            if test["result"] == "valid":
                assert caught.value.code in {"secret-in-jwk", "key-unknown"}


def test_the_key_of_the_wrong_algorithm_vectors_holds_once_it_names_the_right_one(
    shared_dir: Path,
) -> None:
    """A check on the check before: only the wrong member makes those vectors fail."""
    groups = {group["comment"]: group for group in vectors(shared_dir, "json_web_key_test.json")}
    jwk = {**groups["wrong_algorithm"]["public"]["keys"][0], "alg": "ES256"}
    token = groups["wrong_algorithm"]["tests"][0]["jws"].encode()
    signed, _, signature = token.rpartition(b".")
    key = VerifyingKey.from_jwk(jwk)
    assert key.verify(b64url_decode(signature, field="signature"), signed)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"kty": "oct", "k": "AAAA"}, "secret-in-jwk"),
        ({"d": "AAAA"}, "secret-in-jwk"),
        ({"alg": "HS256"}, "wrong-alg"),
        ({"use": "enc"}, "wrong-use"),
        ({"key_ops": ["sign"]}, "wrong-use"),
        ({"crv": "P-384"}, "wrong-kind"),
        ({"crv": "secp256k1"}, "wrong-kind"),
        ({"kty": ["EC"]}, "wrong-kind"),
        ({"x": 5}, "malformed-jwk"),
        ({"x": "AAAA"}, "malformed-jwk"),
        ({"x": "é" * 43}, "malformed-jwk"),
        ({"x": "A" * 43}, "not-on-curve"),
        ({"kid": 5}, "malformed-jwk"),
        ({"kid": ""}, "malformed-jwk"),
    ],
)
def test_a_wrong_jwk_is_refused(signer: Es256Signer, change: dict[str, Any], code: str) -> None:
    with pytest.raises(KeyFault) as caught:
        VerifyingKey.from_jwk({**signer.public_jwk(), **change})
    assert caught.value.code == code


def test_a_key_set_with_a_private_key_or_two_keys_of_one_kid_is_refused_whole(
    signer: Es256Signer, other_signer: Es256Signer
) -> None:
    sound = signer.public_jwk()
    with pytest.raises(KeyFault, match="secret-in-jwk"):
        TrustedKeys.from_jwks({"keys": [sound, {"kty": "oct", "k": "AAAA"}]})
    twice = {**other_signer.public_jwk(), "kid": signer.kid}
    with pytest.raises(KeyFault, match="duplicate-kid"):
        TrustedKeys.from_jwks({"keys": [sound, twice]})
    for malformed in ({}, {"keys": {}}, {"keys": [5]}):
        with pytest.raises(KeyFault, match="malformed-jwk"):
            TrustedKeys.from_jwks(malformed)


def test_keys_of_other_kinds_in_a_set_are_passed_over(signer: Es256Signer) -> None:
    rsa = {"kty": "RSA", "n": "AAAA", "e": "AQAB", "kid": "rsa"}
    keys = TrustedKeys.from_jwks({"keys": [rsa, signer.public_jwk()]})
    assert [key.kid for key in keys] == [signer.kid]


@pytest.mark.parametrize("alg", ["none", "None", "NONE", "nOnE"])
def test_none_is_refused_however_it_is_spelt(alg: str) -> None:
    with pytest.raises(JwsError, match="alg-none"):
        refuse_alg_none({"alg": alg})


def test_an_unsigned_token_is_refused_as_such_even_under_a_known_kid(signer: Es256Signer) -> None:
    keys = TrustedKeys.from_jwks({"keys": [signer.public_jwk()]})
    header = b64url(json.dumps({"alg": "none", "kid": signer.kid, "typ": "x"}).encode())
    with pytest.raises(JwsError, match="alg-none"):
        verify_compact(header + b".e30.", keys, typ="x")


def test_a_signature_that_is_not_64_bytes_long_never_holds(signer: Es256Signer) -> None:
    key = VerifyingKey.from_jwk(signer.public_jwk())
    sound = signer.sign(b"data")
    stretched = sound[:32] + b"\0" + sound[32:]  # the same two numbers, one with a leading zero
    assert key.verify(sound, b"data")
    for wrong in (stretched, sound[:-1], sound + b"\0", b""):
        assert not key.verify(wrong, b"data")


def test_a_critical_extension_is_refused(signer: Es256Signer) -> None:
    key = VerifyingKey.from_jwk(signer.public_jwk())
    header = b64url(
        json.dumps({"alg": "ES256", "kid": signer.kid, "typ": "x", "crit": ["b64"]}).encode()
    )
    signed = header + b"." + b64url(b"{}")
    token = signed + b"." + b64url(signer.sign(signed))
    with pytest.raises(JwsError, match="unknown-critical"):
        verify_with_key(token, key, typ="x")


def test_a_signature_has_one_spelling_only(signer: Es256Signer) -> None:
    key = VerifyingKey.from_jwk(signer.public_jwk())
    token = sign_compact(b"{}", signer, typ="x")
    assert verify_with_key(token, key, typ="x") == b"{}"
    alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    sibling = alphabet[alphabet.index(token[-1]) + 1 :][:1]  # differs in bits that carry nothing
    for respelt in (token[:-1] + sibling, token + b"=", token + b"\n", token[:-1]):
        with pytest.raises(JwsError):
            verify_with_key(respelt, key, typ="x")
