"""Certificates as files: the sealed PDF, a picture, and annotated copies (加注件)."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass, field
from typing import Final, Literal
from uuid import UUID

from exchange.client.problems import YiciUnproven
from exchange.client.session import Session
from exchange.client.transport import Reply

Picture = Literal["png", "svg"]
PICTURES: Final[dict[Picture, str]] = {"png": "image/png", "svg": "image/svg+xml"}
_DIGEST: Final = re.compile(r"sha-256=:([A-Za-z0-9+/]{43}=):")


@dataclass(frozen=True, slots=True)
class Copy:
    """An annotated copy as it was handed out: a sealed PDF, and by which id to get it again."""

    id: UUID
    content: bytes = field(repr=False)


class Files:
    """Files of certificates, as a department's system gets them. Methods raise YiciProblem, and
    YiciUnproven where what came is not what the hub says it sent."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def pdf(self, identifier: str) -> bytes:
        """The sealed PDF of a certificate that the own department issued.

        Raises:
            YiciProblem: 404, 503 where the issuer's key cannot seal.
        """
        return sealed(self._session.send("GET", f"/v1/certificates/{identifier}/file"))

    def picture(self, identifier: str, form: Picture = "png") -> bytes:
        """A picture of it, for a screen. It proves nothing."""
        path = f"/v1/certificates/{identifier}/picture"
        return self._session.send("GET", path, headers={"Accept": PICTURES[form]}).content

    def copy(
        self,
        identifier: str,
        *,
        reason: str,
        valid_days: int,
        lookup: UUID | None = None,
        case: str | None = None,
        authorization: UUID | None = None,
    ) -> Copy:
        """An annotated copy of what a lookup of the own department released: name the lookup, or
        the case and the holder's authorization. Asked again it is the copy that was made.

        Raises:
            YiciProblem: 403 where no such lookup was answered in 30 days, 409 where the
                certificate was replaced or is not in force any more.
        """
        asked = {"reason": reason, "valid_days": valid_days}
        named = {"lookup": lookup, "case": case, "authorization": authorization}
        given = {name: str(value) for name, value in named.items() if value is not None}
        path = f"/v1/certificates/{identifier}/copies"
        reply = self._session.send("POST", path, idempotent=True, json={**asked, **given})
        try:
            number = UUID(reply.headers.get("location", "").rsplit("/", 1)[-1])
        except ValueError:
            raise YiciUnproven(
                "no-place", "答复未说明加注件的取用地址", "the answer names no place of the copy"
            ) from None
        return Copy(number, sealed(reply))

    def copy_again(self, copy: UUID) -> bytes:
        """A copy made for the own department, until its last day. Raises YiciProblem (404, 409)."""
        return sealed(self._session.send("GET", f"/v1/copies/{copy}"))


def sealed(reply: Reply) -> bytes:
    """The bytes of a file, once they have the digest that the answer states (RFC 9530).

    Raises:
        YiciUnproven: they have not, or none is stated.
    """
    stated = _DIGEST.fullmatch(reply.headers.get("repr-digest", ""))
    digest = base64.b64encode(hashlib.sha256(reply.content).digest()).decode()
    if stated is None or stated[1] != digest:
        raise YiciUnproven(
            "digest-mismatch",
            "收到的文件与所称摘要不一致",
            "the file that arrived has not the digest that was stated",
        )
    return reply.content
