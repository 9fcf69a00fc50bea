"""Files of certificates over HTTP: the holder's own, and the annotated copy for a case."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from exchange.client.session import Session
from exchange.client.transport import Reply, Transport
from exchange.clock import SystemClock
from exchange.demo.cast import SampleSystem
from exchange.demo.installation import Account
from exchange.demo.playing import Play, expect


@dataclass(frozen=True, slots=True)
class Own:
    """A holder's own certificates as files, and what happened to them."""

    transport: Transport
    headers: Mapping[str, str]

    @classmethod
    def sign_in(cls, play: Play, account: Account) -> Own:
        """A connection of the holder's; it is closed with the play."""
        transport = play.closing(Transport(play.stage.url))
        token = transport.send(
            "POST",
            "/v1/me/sessions",
            idempotent=False,
            json={"account": account.account, "password": account.password},
        ).read(lambda answer: str(answer["access_token"]))
        return cls(transport, {"Authorization": f"Bearer {token}"})

    def pdf(self, identifier: str) -> bytes:
        """The sealed PDF of one's own certificate."""
        return _whole(self._get(f"/v1/me/certificates/{identifier}/pdf"))

    def history(self, identifier: str) -> list[Mapping[str, Any]]:
        """Every event of one's own certificate, each with its signed statement."""
        answer = self._get(f"/v1/me/certificates/{identifier}/history")
        return answer.read(lambda document: [dict(each) for each in document["history"]])

    def _get(self, path: str) -> Reply:
        return self.transport.send("GET", path, headers=dict(self.headers))


def make_copy(
    play: Play, sample: SampleSystem, identifier: str, lookup: UUID, *, reason: str, days: int
) -> bytes:
    """The annotated copy of what a lookup released, for the system that made the lookup."""
    transport = play.closing(Transport(play.stage.url))
    session = Session(
        transport,
        sample.client_id,
        play.stage.place.credentials(sample),
        SystemClock(),
        issuer=play.stage.issuer,
    )
    asked = {"lookup": str(lookup), "reason": reason, "valid_days": days}
    path = f"/v1/certificates/{identifier}/copies"
    return _whole(session.send("POST", path, idempotent=True, json=asked))


def _whole(reply: Reply) -> bytes:
    """The file, held against the digest that came with it (RFC 9530)."""
    digest = b64encode(hashlib.sha256(reply.content).digest()).decode()
    expect(
        reply.headers.get("repr-digest") == f"sha-256=:{digest}:",
        "收到的文件与签章时一致",
        "the file arrived as it was sealed",
    )
    return reply.content
