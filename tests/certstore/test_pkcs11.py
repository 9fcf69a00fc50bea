"""Keys in a hardware module, with SoftHSM2 in its place."""

from __future__ import annotations

import os
import pickle
import shutil
import threading
from pathlib import Path

import pytest

from certstore.certificate_path import check_path
from certstore.certification import certify, make_request, make_root
from certstore.errors import KeyFault
from certstore.issue import CertificateDraft, sign_certificate
from certstore.keys import Es256Signer, VerifyingKey
from certstore.verify import TrustAnchors, Verifier
from tests.certstore.conftest import ISSUER, NOW
from tests.certstore.test_certification import BEGIN, END, MARKET, URL
from tests.softhsm import Token

pkcs11 = pytest.importorskip("certstore.pkcs11")
Pkcs11Signer = pkcs11.Pkcs11Signer


def opened(token: Token, key: str, *, pin: str | None = None, label: str = "") -> Es256Signer:
    signer: Es256Signer = Pkcs11Signer(token.module, label or token.label, pin or token.pin, key)
    return signer


@pytest.fixture(scope="module")
def signer(token: Token) -> Es256Signer:
    made: Es256Signer = Pkcs11Signer.generate(token.module, token.label, token.pin, "one")
    return made


def test_a_certificate_signed_in_the_module_verifies(
    trust_document: dict[str, object], draft: CertificateDraft, signer: Es256Signer
) -> None:
    issuer = {**trust_document["issuers"][0], "jwks": {"keys": [signer.public_jwk()]}}  # type: ignore[index]
    trust = TrustAnchors.from_json({**trust_document, "issuers": [issuer]})
    credential = sign_certificate(draft, signer, issuer_uri=ISSUER, issued_at=NOW)
    verdict = Verifier(trust).verify(credential, at=NOW)
    assert (verdict.integrity.outcome, verdict.issuer.outcome) == ("valid", "valid")


def test_a_root_in_the_module_certifies_a_key_in_the_module(
    token: Token, signer: Es256Signer
) -> None:
    top = Pkcs11Signer.generate(token.module, token.label, token.pin, "root")
    root = make_root(top, name="模块中的根", valid_from=BEGIN, valid_until=END)
    leaf = certify(
        root, top, make_request(signer, department=MARKET, name="部门"), department=MARKET,
        name="部门", valid_from=BEGIN, valid_until=END, crl_url=URL,
    )  # fmt: skip
    assert check_path([leaf], [root], at=NOW) == root


def test_a_key_opened_again_is_the_same_and_stays_where_it_is(
    token: Token, signer: Es256Signer
) -> None:
    again = opened(token, "one")
    assert again.kid == signer.kid
    assert VerifyingKey.from_jwk(signer.public_jwk()).verify(again.sign(b"x"), b"x")
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(signer)
    assert token.pin not in repr(signer)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"pin": "wrong-pin"}, "pin-wrong"),
        ({"label": "no such token"}, "token-missing"),
        ({"key": "no such key"}, "key-missing"),
        ({"module": Path("/nowhere/module.so")}, "module-missing"),
    ],
    ids=["wrong PIN", "no token", "no key", "no module"],
)
def test_what_cannot_be_opened_says_why(
    token: Token, signer: Es256Signer, change: dict[str, object], code: str
) -> None:
    wanted = {"module": token.module, "label": token.label, "pin": token.pin, "key": "one"}
    with pytest.raises(KeyFault) as caught:
        Pkcs11Signer(*{**wanted, **change}.values())
    assert caught.value.code == code
    assert "wrong-pin" not in str(caught.value)
    # Whoever has logged in already is not disturbed by it.
    assert len(signer.sign(b"x")) == 64


def test_a_label_is_not_used_twice(token: Token, signer: Es256Signer) -> None:
    with pytest.raises(KeyFault, match="key-exists"):
        Pkcs11Signer.generate(token.module, token.label, token.pin, "one")


def test_threads_share_the_token(signer: Es256Signer) -> None:
    key = VerifyingKey.from_jwk(signer.public_jwk())
    held: list[bool] = []

    def sign(number: int) -> None:
        data = f"{number}".encode()
        held.extend(key.verify(signer.sign(data), data) for _ in range(20))

    threads = [threading.Thread(target=sign, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert held == [True] * 80


def test_a_forked_process_signs_with_a_session_of_its_own(signer: Es256Signer) -> None:
    key = VerifyingKey.from_jwk(signer.public_jwk())
    child = os.fork()
    if child == 0:
        try:
            held = key.verify(signer.sign(b"child"), b"child")
        except BaseException:
            held = False
        os._exit(0 if held else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert key.verify(signer.sign(b"parent"), b"parent")


def test_a_token_that_was_removed_fails_and_signs_again_when_it_is_back(
    token: Token, signer: Es256Signer, tmp_path: Path
) -> None:
    signer.sign(b"x")
    away = tmp_path / "away"
    shutil.move(token.folder, away)
    try:
        for _ in range(2):
            with pytest.raises(KeyFault) as caught:
                signer.sign(b"x")
            assert caught.value.code in {"token-failed", "token-missing"}
    finally:
        shutil.move(away, token.folder)
    assert VerifyingKey.from_jwk(signer.public_jwk()).verify(signer.sign(b"y"), b"y")
