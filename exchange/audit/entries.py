"""Entries: what the log publishes of a record, which is a commitment to it and nothing else.

Pure. The *opening* of an entry is its nonce followed by the record; whoever is given both checks
them against the public entry, and nobody else learns anything from it: the nonce is random, so
neither guessing a record nor comparing two entries tells what they stand for. See decision 24.
"""

from __future__ import annotations

import re
from hashlib import sha256

from exchange.audit.errors import LogUnusable, RecordRefused

NONCE_SIZE = 16
VERSION = 2
_ENTRY = re.compile(rb'\{"commitment":"([0-9a-f]{64})","v":2\}')
_BEFORE, _AFTER = b'{"commitment":"', b'","v":2}'
_LEAF = b"\x00" + _BEFORE


def commitment_to(opening: bytes) -> bytes:
    """SHA-256(nonce ‖ record), 32 bytes."""
    return sha256(opening).digest()


def entry_with(commitment: bytes) -> bytes:
    """The canonical JSON that is published: ``{"commitment":"<64 hex digits>","v":2}``."""
    return _BEFORE + commitment.hex().encode() + _AFTER


def entry_of(opening: bytes) -> bytes:
    """The public entry of a nonce and its record."""
    return entry_with(commitment_to(opening))


def leaf_of(opening: bytes) -> bytes:
    """SHA-256(0x00 ‖ entry), RFC 6962 section 2.1, of a nonce and its record."""
    return sha256(_LEAF + sha256(opening).hexdigest().encode() + _AFTER).digest()


def parse_entry(entry: bytes) -> bytes:
    """The commitment of a public entry. Raises LogUnusable for any other bytes."""
    match = _ENTRY.fullmatch(entry)
    if match is None:
        raise LogUnusable(zh="不是本日志的公开条目", en="not a public entry of such a log")
    return bytes.fromhex(match[1].decode())


def split_opening(opening: bytes) -> tuple[bytes, bytes]:
    """(nonce, record). Raises RecordRefused where there is no record."""
    if len(opening) <= NONCE_SIZE:
        raise RecordRefused(zh="缺少随机数或记录", en="the nonce or the record is missing")
    return opening[:NONCE_SIZE], opening[NONCE_SIZE:]
