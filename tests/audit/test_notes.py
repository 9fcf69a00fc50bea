"""Signed notes and checkpoints, against the example of the specification and a foreign log."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from exchange.audit.errors import NoteRefused
from exchange.audit.merkle import EMPTY_ROOT, leaf_hash, root_of, split_hashes
from exchange.audit.notes import (
    Checkpoint,
    NoteSigner,
    NoteVerifier,
    open_checkpoint,
    open_note,
    parse_checkpoint,
    parse_size,
    sign_checkpoint,
    sign_note,
)
from exchange.audit.tiles import Tile, parse_entries

FOREIGN_VKEY = "example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx"
SPECIFIED_VKEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
SPECIFIED_NOTE = """This is an example message.

— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=
"""  # noqa: E501
ORIGIN = "hub.example/log"


def signer(name: str = ORIGIN, seed: int = 1) -> NoteSigner:
    return NoteSigner.from_private_key(
        name, Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32)
    )


def test_the_note_of_the_specification_opens() -> None:
    note = open_note(SPECIFIED_NOTE, [NoteVerifier.from_vkey(SPECIFIED_VKEY)])
    assert note.text == "This is an example message.\n"
    assert note.signed_by == ("example.com/foo",)


def test_every_checkpoint_of_the_foreign_log_holds_over_its_tiles_and_entries(
    shared_dir: Path,
) -> None:
    log = shared_dir / "vectors" / "tlog" / "log"
    verifier = NoteVerifier.from_vkey(FOREIGN_VKEY)
    assert verifier.vkey == FOREIGN_VKEY
    for size in range(16):
        note = (log / f"checkpoint.{size}").read_text()
        checkpoint = open_checkpoint(note, [verifier], "example.com/log/testdata")
        assert checkpoint.size == size
        assert checkpoint.text() == note[: note.rindex("\n\n") + 1]
        if not size:
            assert checkpoint.root == EMPTY_ROOT
            continue
        tile = Tile(0, 0, size)
        hashes = split_hashes((log / tile.path()).read_bytes())
        entries = parse_entries((log / tile.entries_path()).read_bytes(), size)
        assert root_of(hashes) == checkpoint.root
        assert [leaf_hash(entry) for entry in entries] == list(hashes)


def test_keys_survive_the_way_through_text() -> None:
    one = signer()
    again = NoteSigner.from_skey(one.skey)
    assert again.verifier == one.verifier == NoteVerifier.from_vkey(one.verifier.vkey)
    note = sign_note("text\n", [again])
    assert open_note(note, [one.verifier]).text == "text\n"


def test_a_secret_key_is_not_shown() -> None:
    one = signer()
    secret = one.skey.rsplit("+", 1)[1]
    assert secret not in repr(one)


def test_sixteen_signatures_of_strangers_do_not_hide_ours() -> None:
    strangers = [signer(f"witness.example/{number}", number + 2) for number in range(16)]
    note = sign_note("text\n", [*strangers, signer()])
    assert open_note(note, [signer().verifier]).signed_by == (ORIGIN,)


def test_a_signature_of_a_stranger_is_not_enough() -> None:
    with pytest.raises(NoteRefused, match="no trusted key"):
        open_note(sign_note("text\n", [signer(seed=2)]), [signer().verifier])


def test_one_false_signature_of_a_trusted_key_refuses_the_whole_note() -> None:
    genuine = sign_note("text\n", [signer()])
    other = sign_note("other\n", [signer()])
    with pytest.raises(NoteRefused, match="does not hold"):
        open_note(genuine + other.rpartition("\n\n")[2], [signer().verifier])


@pytest.mark.parametrize(
    "damage",
    [
        lambda note: note.replace("text", "Text"),
        lambda note: note.replace("\n\n", "\n"),
        lambda note: note[:-1],
        lambda note: note + "\n",
        lambda note: note.replace("— ", "- "),
        lambda note: note.replace("— ", "—  "),
        lambda note: note.replace("text", "te\tt"),
        lambda note: note.replace("text", "te\rt"),
        lambda note: note.replace("text", "te\x00t"),
        lambda note: note.replace("text", "te\ud800t"),
        lambda note: note.replace("=\n", "\n"),
        lambda note: note + "— a+b " + note.split(" ")[-1],
        lambda note: note + "— short AAAA\n",
        lambda note: "x" * 1_000_001 + note,
        lambda note: note + note.rpartition("\n\n")[2] * 100,
    ],
)
def test_a_damaged_note_is_refused(damage: object) -> None:
    note = sign_note("text\n", [signer()])
    assert callable(damage)
    with pytest.raises(NoteRefused):
        open_note(damage(note), [signer().verifier])


@pytest.mark.parametrize(
    "vkey",
    [
        "",
        "name",
        SPECIFIED_VKEY.replace("530d903a", "530d903b"),
        SPECIFIED_VKEY.replace("530d903a", "530D903A"),
        SPECIFIED_VKEY.replace("example.com/foo", "example.com foo"),
        SPECIFIED_VKEY.replace("example.com/foo", ""),
        SPECIFIED_VKEY.replace("+Aek", "+Bek"),
        SPECIFIED_VKEY + "=",
        SPECIFIED_VKEY[:-4],
    ],
)
def test_a_malformed_key_is_refused(vkey: str) -> None:
    with pytest.raises(NoteRefused):
        NoteVerifier.from_vkey(vkey)


def test_a_checkpoint_survives_signing_and_opening() -> None:
    checkpoint = Checkpoint(ORIGIN, 12, leaf_hash(b"x"))
    opened = open_checkpoint(sign_checkpoint(checkpoint, signer()), [signer().verifier], ORIGIN)
    assert opened == checkpoint


def test_a_checkpoint_of_another_log_is_refused() -> None:
    note = sign_checkpoint(Checkpoint("other.example", 1, leaf_hash(b"x")), signer())
    with pytest.raises(NoteRefused, match="another log"):
        open_checkpoint(note, [signer().verifier], ORIGIN)


@pytest.mark.parametrize(
    "text",
    [
        "origin\n1\n",
        "origin\n01\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n",
        "origin\n-1\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n",
        "origin\n+1\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n",
        "origin\n１\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n",
        "origin\n9223372036854775808\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n",
        "origin\n1\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB=\n",
        "origin\n1\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==\n",
        "origin\n1\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
        "origin\n1\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n\n",
        "\n1\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n",
    ],
)
def test_a_malformed_checkpoint_is_refused(text: str) -> None:
    # "…AB=" spells the same 32 bytes with a stray bit: one value, two texts.
    with pytest.raises(NoteRefused):
        parse_checkpoint(text)


def test_extension_lines_are_kept_as_they_are() -> None:
    text = "origin\n1\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\nextra one\nextra two\n"
    checkpoint = parse_checkpoint(text)
    assert checkpoint.extensions == ("extra one", "extra two")
    assert checkpoint.text() == text


def test_the_greatest_size_is_what_the_database_can_count() -> None:
    assert parse_size("9223372036854775807") == 2**63 - 1
    assert parse_size("0") == 0
