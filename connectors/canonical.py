"""Canonical JSON and its hash: sorted keys, no white space, UTF-8, no floats."""

from __future__ import annotations

import hashlib
from typing import Any

import orjson


def canonical_json(document: Any) -> bytes:
    """Serialise ``document`` (dicts with text keys, lists, text, int, bool, None, dates)."""
    return orjson.dumps(document, option=orjson.OPT_SORT_KEYS)


def content_hash(document: Any) -> str:
    """SHA-256 over the canonical JSON of ``document``, as 64 lower-case hexadecimal digits."""
    return hashlib.sha256(canonical_json(document)).hexdigest()
