"""Entries: what is published of a record, and that it tells nothing."""

from __future__ import annotations

import json
from hashlib import sha256

import pytest

from exchange.audit.entries import entry_of, leaf_of, parse_entry, split_opening
from exchange.audit.errors import LogUnusable, RecordRefused
from exchange.audit.merkle import leaf_hash

NONCE = bytes(range(16))
RECORD = b'{"kind":"sign-in"}'


def test_an_entry_is_canonical_json_with_the_hash_of_nonce_and_record() -> None:
    entry = entry_of(NONCE + RECORD)
    said = json.loads(entry)
    assert said == {"commitment": sha256(NONCE + RECORD).hexdigest(), "v": 2}
    assert json.dumps(said, sort_keys=True, separators=(",", ":")).encode() == entry
    assert parse_entry(entry) == sha256(NONCE + RECORD).digest()


def test_the_leaf_is_that_of_the_entry() -> None:
    assert leaf_of(NONCE + RECORD) == leaf_hash(entry_of(NONCE + RECORD))
    assert leaf_of(NONCE + RECORD) == sha256(b"\0" + entry_of(NONCE + RECORD)).digest()


def test_one_record_with_two_nonces_has_two_entries() -> None:
    assert entry_of(NONCE + RECORD) != entry_of(bytes(16) + RECORD)


@pytest.mark.parametrize(
    "entry",
    [
        b"",
        b"{}",
        RECORD,
        b'{"commitment":"00","v":2}',
        b'{"commitment":"' + b"0" * 64 + b'","v":1}',
        b'{"v":2,"commitment":"' + b"0" * 64 + b'"}',
        b'{"commitment":"' + b"A" * 64 + b'","v":2}',
        b'{"commitment":"' + b"0" * 64 + b'","v":2}\n',
    ],
    ids=["empty", "no-member", "record", "short", "version", "order", "upper-case", "newline"],
)
def test_another_spelling_is_no_entry(entry: bytes) -> None:
    with pytest.raises(LogUnusable):
        parse_entry(entry)


def test_an_opening_without_a_record_is_refused() -> None:
    assert split_opening(NONCE + RECORD) == (NONCE, RECORD)
    with pytest.raises(RecordRefused):
        split_opening(NONCE)
