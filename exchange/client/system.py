"""The hub as a department's system sees it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Self
from urllib.parse import urlsplit
from uuid import UUID

from exchange.audit.errors import AuditError
from exchange.audit.notes import Checkpoint
from exchange.audit.receipts import VerifiedReceipt, verify_receipt
from exchange.client.bulk import BulkWork
from exchange.client.cases import Authorization, Case, Request, Savings
from exchange.client.certificates import Standing, Verification
from exchange.client.credentials import Credentials, KeySource
from exchange.client.evidence import Evidence, EvidenceUnusable, Trust
from exchange.client.files import Files
from exchange.client.histories import History
from exchange.client.issuing import Issuing, Why
from exchange.client.log import LogEntry, continued, question
from exchange.client.lookups import (
    BatchResult,
    Holder,
    Lookup,
    LookupResult,
    Operator,
    encode,
    result_of_batch,
    result_of_lookup,
    verified,
)
from exchange.client.problems import YiciProblem, YiciUnproven
from exchange.client.registers import Pull, QuarantinedRow, Register
from exchange.client.session import Session
from exchange.client.transport import Reply, Transport, listed
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
        """The hub's public keys.

        Raises:
            YiciUnproven: the hub sends no trust document.
            YiciUnreachable: the hub gives no answer.
        """
        if self._trust is None:
            document = self._transport.send("GET", "/v1/trust").json()
            try:
                self._trust = Trust.from_document(document)
            except EvidenceUnusable as fault:
                raise YiciUnproven("no-trust", fault.zh, fault.en) from None
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

    def redeem(self, code: str, *, item: str, case: str, operator: Operator) -> LookupResult:
        """What a holder shows by a one-time code (用证码), as the scanner read it; good once.

        Raises:
            YiciProblem: 403 with the rule (used, expired, withdrawn, for another department, or
                one of those of lookups), 404 where nobody made such a code, 429.
            YiciUnproven, YiciUnreachable: as :meth:`look_up`.
        """
        asked = {"code": code, "item": item, "case": case, "operator": operator.as_dict()}
        return result_of_lookup(self._ask("/v1/presentations/redeem", encode(asked)), self.trust)

    def items(self) -> list[Mapping[str, Any]]:
        """The service items (public): code, department, names, materials and their ways."""
        return self._transport.send("GET", "/v1/items").read(listed("items", _object))

    def open_case(self, item: str, case_number: str, holder: Holder, operator: Operator) -> Case:
        """Open a case and get its checklist. The same again gives the same case.

        Raises:
            YiciProblem: 409 where the number stands for another item or holder, 400, 403.
        """
        asked = {
            "item": item,
            "case_number": case_number,
            "holder": holder.as_dict(),
            "operator": operator.as_dict(),
        }
        return self._send("POST", "/v1/cases", idempotent=True, json=asked).read(Case.of)

    def case(self, case: UUID) -> Case:
        """One of the department's own cases, its checklist computed afresh. Raises YiciProblem."""
        return self._send("GET", f"/v1/cases/{case}").read(Case.of)

    def find_case(self, case_number: str) -> Case | None:
        """The department's case of that number."""
        found = self._send("GET", "/v1/cases", params={"case_number": case_number})
        return next(iter(found.read(listed("cases", Case.of))), None)

    def request_authorizations(
        self, case: UUID, requests: Sequence[Request]
    ) -> list[Authorization]:
        """Ask the holder of a case for authorizations, one per material.

        The same again, while it waits, gives the one that waits.

        Raises:
            YiciProblem: 403 for what the item does not list, 409 where other terms wait.
        """
        asked = {"case": str(case), "requests": [each.as_dict() for each in requests]}
        answer = self._send("POST", "/v1/authorizations", idempotent=True, json=asked)
        return answer.read(listed("authorizations", Authorization.of))

    def authorization(self, authorization: UUID) -> Authorization:
        """One that the department asked for, with the signed grant once there is one."""
        path = f"/v1/authorizations/{authorization}"
        return self._send("GET", path).read(Authorization.of)

    def attach_certificate(self, case: UUID, material: str, lookup: UUID) -> Case:
        """Put to a case what a lookup released for it. The same again changes nothing."""
        return self._give(case, material, {"how": "certificate", "lookup": str(lookup)})

    def attach_document(
        self, case: UUID, material: str, document: UUID, authorization: UUID
    ) -> Case:
        """Put to a case a document given earlier; it takes one use of the authorization."""
        return self._give(
            case,
            material,
            {"how": "shared", "material": str(document), "authorization": str(authorization)},
        )

    def read_document(self, case: UUID, material: str) -> bytes:
        """The document that stands for a material. Each reading stands in the log."""
        return self._send("GET", f"/v1/cases/{case}/materials/{material}/content").content

    def savings(self) -> Savings:
        """How the department's cases got their materials."""
        return self._send("GET", "/v1/cases/savings").read(Savings.of)

    def certificate(self, identifier: str) -> Standing:
        """A certificate of the caller's own department: state, versions, history."""
        return self._send("GET", f"/v1/certificates/{identifier}").read(Standing.of)

    def revoke(
        self, identifier: str, *, reason: str, legal_ground: str, state: str = "07"
    ) -> Standing:
        """End a certificate: 03 撤销, 04 注销, 05 失效 or 07 吊销. The next lookup says so.
        Raises as :class:`Issuing`."""
        return self.issuing.revoke(identifier, Why(reason, legal_ground), state=state)

    def suspend(self, identifier: str, *, reason: str, legal_ground: str) -> Standing:
        """Take a certificate away for a time (暂扣). Raises as :meth:`revoke`."""
        return self.issuing.suspend(identifier, Why(reason, legal_ground))

    def reinstate(self, identifier: str, *, reason: str, legal_ground: str) -> Standing:
        """Give a suspended certificate back (暂扣发还). Raises as :meth:`revoke`."""
        return self.issuing.reinstate(identifier, Why(reason, legal_ground))

    def verify_certificate(self, credential: str) -> Verification:
        """The hub's verdict, in parts, on a certificate at hand; the status is the live one."""
        return self._verify({"credential": credential})

    def verify_presentation(
        self, presentation: str, *, audience: str, nonce: str, max_age_seconds: int = 300
    ) -> Verification:
        """As :meth:`verify_certificate`, and whether its holder shows it: to this audience, for
        this nonce, which the caller gave and takes once only."""
        return self._verify(
            {
                "credential": presentation,
                "audience": audience,
                "nonce": nonce,
                "max_age_seconds": max_age_seconds,
            }
        )

    def verify_file(self, content: bytes) -> Verification:
        """The hub's verdict on a file: a sealed PDF, an SD-JWT VC, or a PNG or JPEG with a
        certificate's QR code in it.

        Raises:
            YiciProblem: 400 for what is none of these, 413.
        """
        path, files = "/v1/verifications/files", {"file": ("file", content)}
        return self._send("POST", path, idempotent=True, files=files).read(Verification.of)

    def compare(self, identifier: str, facts: Mapping[str, str]) -> Verification:
        """Hold facts against a certificate, by its identifier; no data is given out.

        A fact is a field, ``holder.id`` or ``holder.name``; what is not public is compared only
        beside the right ``holder.id``. Raises YiciProblem: 429 after too many that differed.
        """
        return self._verify({"identifier": identifier, "facts": dict(facts)})

    def registers(self) -> list[Register]:
        """The registers of the caller's department."""
        return self._send("GET", "/v1/registers").read(listed("registers", Register.of))

    def pull_register(self, register: str) -> Pull:
        """Have one's own register pulled; a worker does it.

        Raises:
            YiciProblem: 409 while another pull of it is not finished (``document["pull"]``).
        """
        path = f"/v1/registers/{register}/pulls"
        return self._send("POST", path, idempotent=False).read(Pull.of)

    def pull(self, register: str, pull: UUID) -> Pull:
        """State and counts of a pull."""
        return self._send("GET", f"/v1/registers/{register}/pulls/{pull}").read(Pull.of)

    @property
    def bulk(self) -> BulkWork:
        """Work on the department's certificates by the hundred thousand."""
        return BulkWork(self._session)

    @property
    def issuing(self) -> Issuing:
        """The department's own certificates, one at a time."""
        return Issuing(self._session)

    @property
    def files(self) -> Files:
        """Certificates as sealed files, pictures and annotated copies."""
        return Files(self._session)

    def history(self, identifier: str) -> History:
        """All that happened to a certificate of the own department, proven by its signatures.
        Raises YiciUnproven, YiciProblem (404)."""
        found = self._send("GET", f"/v1/certificates/{identifier}").read(History.of)
        found.prove(self.trust.document)
        return found

    def quarantine(self, register: str) -> Iterator[QuarantinedRow]:
        """What is wrong with which row, page by page."""
        after: int | None = 0
        while after is not None:
            answer = self._send(
                "GET",
                f"/v1/registers/{register}/quarantine",
                params={"after": after, "limit": 1000},
            )
            found, after = answer.read(
                lambda page: (listed("findings", QuarantinedRow.of)(page), page["next"])
            )
            yield from found

    def status_list(self, uri: str) -> str:
        """A status list's token, by the address a certificate gives for it (public)."""
        return self._transport.send("GET", urlsplit(uri).path).text

    def records(
        self,
        *,
        after: int = -1,
        limit: int = 100,
        kind: str | None = None,
        case: str | None = None,
    ) -> list[LogEntry]:
        """Records of the log in order, for auditors. The reading itself is logged."""
        asked = {"after": after, "limit": limit, "kind": kind, "case": case}
        wanted = {name: value for name, value in asked.items() if value is not None}
        return self._send("GET", "/v1/audit/records", params=wanted).read(
            listed("records", LogEntry.of)
        )

    def search(self, **asked: Any) -> list[LogEntry]:
        """Records that fit every part asked for, the newest first, for auditors.

        Parts are those of ``POST /v1/audit/search``: ``kind``, ``department``, ``system``,
        ``operator``, ``case``, ``item``, ``lookup``, ``holder`` (a :class:`Holder`), ``since``,
        ``until`` (aware times), ``before``, ``limit``. The search itself is logged.
        """
        return self._send("POST", "/v1/audit/search", json=question(asked)).read(
            listed("records", LogEntry.of)
        )

    def continues(self, older: str) -> Checkpoint:
        """The hub's newest checkpoint, proven to continue an older one that was kept.

        ``older`` is a signed checkpoint, such as the end of any receipt.

        Raises:
            YiciUnproven: a signature does not hold, or the log was rolled back or rewritten.
        """
        newest = self._transport.send("GET", "/v1/audit/checkpoint").text
        return continued(older, newest, self.trust, self._consistency)

    def _consistency(self, old: int, new: int) -> list[bytes]:
        asked = {"old": old, "new": new}
        answer = self._transport.send("GET", "/v1/audit/consistency", params=asked)
        return answer.read(lambda found: [bytes.fromhex(step) for step in found["proof"]])

    def receipt(self, index: int) -> VerifiedReceipt:
        """The verified receipt of one record of the log.

        Raises:
            YiciProblem: 404 where the record is none of the caller's.
            YiciUnproven: the receipt does not hold.
        """
        text = self._send("GET", f"/v1/audit/receipts/{index}").text
        try:
            receipt = verify_receipt(text, self.trust.log_key, self.trust.origin)
        except AuditError as refused:
            raise YiciUnproven(refused.code, refused.zh, refused.en) from None
        if receipt.index != index:
            raise YiciUnproven("index-mismatch", "回执属于另一条记录", "of another record")
        return receipt

    def _give(self, case: UUID, material: str, given: Mapping[str, str]) -> Case:
        path = f"/v1/cases/{case}/materials/{material}"
        return self._send("POST", path, idempotent=True, json=given).read(Case.of)

    def _verify(self, asked: Mapping[str, Any]) -> Verification:
        answer = self._send("POST", "/v1/verifications", idempotent=True, json=asked)
        return answer.read(Verification.of)

    def _send(self, method: str, path: str, **options: Any) -> Reply:
        return self._session.send(method, path, **options)

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


def _object(value: Any) -> Mapping[str, Any]:
    return dict(value)
