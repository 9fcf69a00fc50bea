"""Links that a hub serves itself, for stores that cannot sign any: HMAC-SHA-256 over what they
name, like the presigned links of S3, with the same limits."""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Final
from urllib.parse import urlencode

from certstore.errors import ObjectError
from certstore.objects.contract import (
    LONGEST_LINK,
    check_lifetime,
    check_media_type,
    check_name,
)

_PURPOSE: Final = b"object-link-1"


@dataclass(frozen=True, slots=True)
class SignedLinks:
    """Makes links below `base` and knows its own. `key` has at least 32 bytes and no other use."""

    base: str
    key: bytes = field(repr=False)

    def link(
        self, name: str, *, now: datetime, lifetime: timedelta, media_type: str | None = None
    ) -> str:
        """The address of an object for `lifetime` from `now`, to the second.

        Raises ObjectError `bad-name`, `bad-lifetime`, `bad-media-type`.
        """
        check_name(name)
        expires = int((now + check_lifetime(lifetime)).timestamp())
        asked = {"expires": str(expires)}
        if check_media_type(media_type) is not None:
            asked["type"] = str(media_type)
        asked["signature"] = self._signature(name, expires, media_type)
        return f"{self.base}/{name}?{urlencode(asked)}"

    def check(
        self, name: str, *, expires: int, media_type: str | None, signature: str, now: datetime
    ) -> None:
        """Return where this link was made here and still holds.

        Raises ObjectError `bad-link`: nothing tells whether the object exists or existed.
        """
        own = self._signature(check_name(name), expires, media_type)
        holds = hmac.compare_digest(own.encode(), signature.encode())
        # The far bound: a clock set back must not lengthen what it signed.
        left = expires - int(now.astimezone(UTC).timestamp())
        if not holds or not 0 <= left <= LONGEST_LINK.total_seconds():
            raise ObjectError(
                "bad-link", "链接无效或已过期", "the link is not valid or has expired", field=None
            )

    def _signature(self, name: str, expires: int, media_type: str | None) -> str:
        message = b"\n".join(
            (_PURPOSE, name.encode(), str(expires).encode(), (media_type or "").encode())
        )
        return hmac.new(self.key, message, sha256).hexdigest()
