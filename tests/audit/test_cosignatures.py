"""Cosignatures as C2SP tlog-cosignature has them."""

from __future__ import annotations

import base64
from hashlib import sha256

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from exchange.audit.cosignatures import Cosigner, CosigningKey, cosigned_times
from exchange.audit.errors import NoteRefused
from exchange.audit.merkle import leaf_hash
from exchange.audit.notes import Checkpoint, NoteSigner, open_checkpoint, sign_checkpoint

ORIGIN = "hub.example/log"
SIGNER = NoteSigner.from_private_key(ORIGIN, Ed25519PrivateKey.from_private_bytes(b"1" * 32))
CHECKPOINT = Checkpoint(ORIGIN, 7, leaf_hash(b"x"))
NOTE = sign_checkpoint(CHECKPOINT, SIGNER)


def key(number: int, name: str = "witness.example/w") -> CosigningKey:
    return CosigningKey.from_private_key(
        f"{name}{number}", Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32)
    )


def test_what_is_signed_and_how_it_is_named_follows_the_specification() -> None:
    line = key(1).signature_line(CHECKPOINT.text(), 1679315147)
    dash, name, encoded = line.rstrip("\n").split(" ")
    blob = base64.b64decode(encoded)
    public = key(1).cosigner.public_key
    assert (dash, name) == ("—", "witness.example/w1")
    assert blob[:4] == sha256(b"witness.example/w1\n\x04" + public).digest()[:4]
    assert int.from_bytes(blob[4:12], "big") == 1679315147
    private = Ed25519PrivateKey.from_private_bytes(bytes([1]) * 32)
    message = b"cosignature/v1\ntime 1679315147\n" + CHECKPOINT.text().encode()
    assert blob[12:] == private.sign(message)


def test_a_cosigned_checkpoint_is_still_the_logs() -> None:
    note = NOTE + key(1).signature_line(CHECKPOINT.text(), 5)
    assert open_checkpoint(note, (SIGNER.verifier,), ORIGIN) == CHECKPOINT


def test_times_are_told_by_key_and_the_newest_counts() -> None:
    one, two = key(1), key(2)
    text = CHECKPOINT.text()
    note = NOTE + one.signature_line(text, 9) + two.signature_line(text, 5)
    note += one.signature_line(text, 7)
    known = [one.cosigner, two.cosigner, key(3).cosigner]
    assert cosigned_times(note, known) == {one.cosigner.public_key: 9, two.cosigner.public_key: 5}


def test_what_does_not_hold_counts_for_nothing() -> None:
    one = key(1)
    other = Checkpoint(ORIGIN, 8, CHECKPOINT.root)
    zero = one.signature_line(CHECKPOINT.text(), 0)
    assert cosigned_times(NOTE + one.signature_line(other.text(), 9), [one.cosigner]) == {}
    assert cosigned_times(NOTE + zero, [one.cosigner]) == {}
    renamed = CosigningKey.from_private_key(
        "else", Ed25519PrivateKey.from_private_bytes(b"\1" * 32)
    )
    note = NOTE + renamed.signature_line(CHECKPOINT.text(), 9)
    assert cosigned_times(note, [one.cosigner]) == {}


def test_an_ordinary_signature_of_a_witness_is_no_cosignature() -> None:
    signer = NoteSigner.from_private_key("w", Ed25519PrivateKey.from_private_bytes(b"\5" * 32))
    cosigner = Cosigner.from_public_key("w", signer.verifier.public_key)
    note = NOTE + signer.signature_line(CHECKPOINT.text().encode())
    assert cosigned_times(note, [cosigner]) == {}


def test_keys_survive_the_way_through_text() -> None:
    assert Cosigner.from_vkey(key(1).cosigner.vkey) == key(1).cosigner
    with pytest.raises(NoteRefused):
        Cosigner.from_vkey(SIGNER.verifier.vkey)
    with pytest.raises(NoteRefused):
        Cosigner.from_vkey(key(1).cosigner.vkey.replace("w1+", "w2+"))
    assert "Ed25519PrivateKey" not in repr(key(1))
