"""Answers as a hub signs them, made without a hub: for tests of those who verify."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from certstore.keys import Es256Signer
from exchange.audit.entries import leaf_of
from exchange.audit.merkle import Frontier, append_batch
from exchange.audit.notes import Checkpoint, NoteSigner, sign_checkpoint
from exchange.audit.receipts import build_receipts
from exchange.audit.records import prepare
from exchange.client.evidence import Evidence, Trust
from exchange.lookups.answers import canonical, digest, sign_answer

AT = datetime(2026, 6, 1, 9, 0, tzinfo=UTC)
ORIGIN = "hub.test/log"
AUDIENCE = "centre-approval"
DEPARTMENT = "11440000MB2F03456K"
NONCE = bytes(range(16))


@dataclass(frozen=True)
class SigningHub:
    """The keys of a hub and the records its log held before."""

    answers: Es256Signer
    log: NoteSigner
    earlier: tuple[bytes, ...]

    @classmethod
    def new(cls, earlier: int = 5, origin: str = ORIGIN) -> SigningHub:
        signer = NoteSigner.from_private_key(origin, Ed25519PrivateKey.generate())
        return cls(Es256Signer.generate(), signer, tuple(b"%d" % n for n in range(earlier)))

    def document(self) -> dict[str, Any]:
        """The trust document."""
        return {
            "issuers": [],
            "hub": {"jwks": {"keys": [self.answers.public_jwk()]}},
            "log": {"origin": self.log.verifier.name, "key": self.log.verifier.vkey},
        }

    def trust(self) -> Trust:
        return Trust.from_document(self.document())

    def answer(
        self, request: bytes, results: Sequence[Mapping[str, Any]], *, audience: str = AUDIENCE
    ) -> tuple[str, str, list[str]]:
        """The answer, the checkpoint and the receipts of one unit of lookups."""
        openings = [
            NONCE
            + prepare(
                "lookup",
                AT,
                department=DEPARTMENT,
                system=audience,
                lookup=result["lookup"],
                type="business-licence",
                basis="statutory",
                request=digest(request),
                result=digest(canonical(result)),
                outcome="released",
            ).body
            for result in results
        ]
        frontier = append_batch(
            Frontier(), [leaf_of(NONCE + each) for each in self.earlier]
        ).frontier
        grown = append_batch(frontier, [leaf_of(each) for each in openings])
        checkpoint = sign_checkpoint(
            Checkpoint(self.log.verifier.name, grown.frontier.size, grown.root), self.log
        )
        first = len(self.earlier)
        signed = canonical(results[0] if len(results) == 1 else list(results))
        answer = sign_answer(
            self.answers,
            issuer="http://hub.test",
            audience=audience,
            issued_at=int(AT.timestamp()),
            request=digest(request),
            result=digest(signed),
            origin=self.log.verifier.name,
            index=first,
            count=len(results),
        )
        return answer, checkpoint, build_receipts(first, openings, grown.proofs, checkpoint)

    def single(self, request: bytes = b'{"fields":["name"]}') -> Evidence:
        """Evidence of one answered lookup."""
        result = found("0197a000-0000-7000-8000-000000000001")
        answer, _, receipts = self.answer(request, [result])
        return Evidence(request, {**result, "answer": answer, "receipt": receipts[0]}, AUDIENCE)

    def batch(self, number: int, *, receipts: bool = True) -> Evidence:
        """Evidence of a batch of so many lookups."""
        request = b'{"lookups":[]}'
        results = [found(f"0197a000-0000-7000-8000-{n:012}") for n in range(number)]
        answer, checkpoint, proofs = self.answer(request, results)
        listed = [
            {"index": index, "outcome": "released", **result}
            for index, result in enumerate(results, len(self.earlier))
        ]
        response = {"lookups": listed, "answer": answer, "checkpoint": checkpoint}
        return Evidence(
            request, {**response, "receipts": proofs} if receipts else response, AUDIENCE
        )


def found(lookup: str) -> dict[str, Any]:
    """The result of a lookup that found one certificate."""
    return {
        "lookup": lookup,
        "found": True,
        "certificates": [
            {
                "identifier": "1.2.156.3005.2.11440000MB2D01234C001.11440000MB2D01234C.A.001.X",
                "type": "business-licence",
                "type_version": 1,
                "version": 1,
                "state": "valid",
                "state_code": "01",
                "valid_from": "1997-03-01",
                "valid_until": None,
                "fields": {"name": "广州云汐五金制品有限公司"},
                "masked": [],
            }
        ],
    }
