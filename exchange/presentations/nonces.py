"""Nonces for proofs of possession: given out without being kept, recognised by their own MAC.

A nonce is good for one applicant and some minutes; that it is used once is seen to by the row of
what was made with it.
"""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Final

from certstore.base64url import b64url, b64url_decode
from certstore.errors import JwsError

LIFE: Final = timedelta(minutes=5)

_LABEL: Final = b"yici nonce v1"
_RANDOM: Final = 16
_MAC: Final = 16


@dataclass(frozen=True, slots=True)
class Nonce:
    """A nonce as it is given out, and when it stops being good."""

    text: str
    expires_at: datetime


class Nonces:
    """Makes nonces and recognises them."""

    def __init__(self, key: bytes) -> None:
        self._key = hmac.digest(key, _LABEL, "sha256")

    def make(self, subject: str, now: datetime) -> Nonce:
        """A nonce for one applicant, good for five minutes."""
        ends = int((now + LIFE).timestamp())
        body = ends.to_bytes(8, "big") + secrets.token_bytes(_RANDOM)
        text = b64url(body + self._mac(body, subject)).decode("ascii")
        return Nonce(text, datetime.fromtimestamp(ends, UTC))

    def is_good(self, text: str, subject: str, now: datetime) -> bool:
        """Whether this nonce was given to this applicant and has not expired."""
        if not text.isascii() or len(text) > 100:
            return False
        try:
            raw = b64url_decode(text.encode("ascii"), field="nonce")
        except JwsError:
            return False
        body, mac = raw[:-_MAC], raw[-_MAC:]
        if len(body) != 8 + _RANDOM or not hmac.compare_digest(mac, self._mac(body, subject)):
            return False
        return now.timestamp() < int.from_bytes(body[:8], "big")

    def _mac(self, body: bytes, subject: str) -> bytes:
        return hmac.digest(self._key, body + subject.encode(), "sha256")[:_MAC]


def nonce_hash(text: str) -> bytes:
    """What is kept of a nonce that was used, 32 bytes."""
    return sha256(text.encode()).digest()
