"""The hub as a department's system sees it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

from exchange.client.credentials import Credentials, KeySource
from exchange.client.evidence import Evidence, Trust
from exchange.client.lookups import (
    BatchResult,
    Lookup,
    LookupResult,
    encode,
    result_of_batch,
    result_of_lookup,
    verified,
)
from exchange.client.problems import YiciProblem
from exchange.client.session import Session
from exchange.client.transport import Transport
from exchange.clock import Clock, SystemClock

_JSON = {"Content-Type": "application/json"}


class Yici:
    """A connection of one system to one hub. Use it as a context manager, and share it freely.

    ``key`` is the private key whose public part the hub has registered: a JWK, a PEM text or
    path, or a key of ``cryptography`` (P-256, Ed25519, RSA). ``trust`` is the hub's trust
    document as its operator handed it out; without it, it is fetched once from the hub itself,
    which proves nothing against a hub that lies from the first day.
    """

    def __init__(
        self,
        base_url: str,
        *,
        client_id: str,
        key: KeySource | Credentials,
        trust: Mapping[str, Any] | None = None,
        issuer: str | None = None,
        timeout: float = 30.0,
        verify: Any = True,
        clock: Clock | None = None,
        transport: Transport | None = None,
    ) -> None:
        credentials = key if isinstance(key, Credentials) else Credentials.of(key)
        self.client_id = client_id
        self._transport = transport or Transport(base_url, timeout=timeout, verify=verify)
        self._session = Session(
            self._transport, client_id, credentials, clock or SystemClock(), issuer=issuer
        )
        self._trust = Trust.from_document(trust) if trust is not None else None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    @property
    def trust(self) -> Trust:
        """The hub's public keys."""
        if self._trust is None:
            self._trust = Trust.from_document(self._transport.send("GET", "/v1/trust").json())
        return self._trust

    def look_up(self, lookup: Lookup) -> LookupResult:
        """Look one certificate up. "No such record" is an answer: ``found`` is false.

        Sent once: a lookup that may have arrived is never repeated, because it may have taken
        one of the uses the holder granted.

        Raises:
            YiciProblem: refused (with the reasons, the record's index and evidence of it), or
                not usable.
            YiciUnproven: what came back is not what the hub signed and logged.
            YiciUnreachable: no answer.
        """
        body = encode(lookup.as_dict())
        return result_of_lookup(self._ask("/v1/lookups", body), self.trust)

    def look_up_many(self, lookups: Sequence[Lookup], *, receipts: bool = False) -> BatchResult:
        """Look up to 500 certificates up under one signature; refusals are among the results.

        Raises:
            YiciProblem, YiciUnproven, YiciUnreachable: as :meth:`look_up`, for the whole batch.
        """
        asked: dict[str, Any] = {"lookups": [each.as_dict() for each in lookups]}
        if receipts:
            asked["receipts"] = True
        return result_of_batch(self._ask("/v1/lookups/batch", encode(asked)), self.trust)

    def _ask(self, path: str, body: bytes) -> Evidence:
        try:
            reply = self._session.send(
                "POST", path, idempotent=False, content=body, headers=dict(_JSON)
            )
        except YiciProblem as problem:
            if "answer" in problem.document:
                evidence = Evidence(body, problem.document, self.client_id)
                verified(evidence, self.trust)
                problem.evidence = evidence
            raise
        return Evidence(body, reply.json(), self.client_id)
