"""The hub as an applicant sees it: one's own requests, documents, and who looked at what."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self
from uuid import UUID

from certstore.keys import Signer
from certstore.possession import sign_possession
from exchange.client.cases import Authorization, Case, Document, Names
from exchange.client.certificates import OwnCertificate
from exchange.client.presentations import OneTimeCode, Showing
from exchange.client.transport import Read, Reply, Transport, listed


@dataclass(frozen=True, slots=True)
class Seen:
    """One use of one's data: who looked, for which case, on which basis, at what."""

    index: int
    at: str
    kind: str
    outcome: str
    reason: str | None
    department: str
    department_name: Names | None
    unit: str | None
    case_number: str | None
    basis: str | None
    certificate_type: str | None
    fields: tuple[str, ...]

    @classmethod
    def of(cls, value: Mapping[str, Any]) -> Seen:
        """Read one of ``lookups``."""
        name = value["department_name"]
        return cls(
            index=value["index"],
            at=value["at"],
            kind=value["kind"],
            outcome=value["outcome"],
            reason=value["reason"],
            department=value["department"],
            department_name=Names.of(name) if name else None,
            unit=value["unit"],
            case_number=value["case_number"],
            basis=value["basis"],
            certificate_type=value["certificate_type"],
            fields=tuple(value["fields"]),
        )


class Applicant:
    """A signed-in applicant. Use it as a context manager; :meth:`sign_in` makes one."""

    def __init__(self, transport: Transport, token: str, name: str) -> None:
        self._transport = transport
        self._headers = {"Authorization": f"Bearer {token}"}
        self.name = name

    @classmethod
    def sign_in(
        cls,
        base_url: str,
        account: str,
        password: str,
        *,
        timeout: float = 30.0,
        verify: Any = True,
        transport: Transport | None = None,
    ) -> Applicant:
        """Sign in with the hub's built-in provider.

        Raises:
            YiciProblem: 401 for a wrong account or password, 429 while the account rests.
        """
        transport = transport or Transport(base_url, timeout=timeout, verify=verify)
        try:
            token, name = transport.send(
                "POST",
                "/v1/me/sessions",
                idempotent=False,
                json={"account": account, "password": password},
            ).read(lambda session: (str(session["access_token"]), str(session["name"])))
        except BaseException:
            transport.close()
            raise
        return cls(transport, token, name)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    def cases(self) -> Iterator[Case]:
        """The cases about oneself with their checklists, newest first."""
        return self._pages("/v1/me/cases", "cases", Case.of)

    def authorizations(self) -> Iterator[Authorization]:
        """What was asked of oneself, in plain words, newest first."""
        return self._pages("/v1/me/authorizations", "authorizations", Authorization.of)

    def requests(self, case: UUID | None = None) -> list[Authorization]:
        """What waits for a decision, perhaps of one case only."""
        return [
            each
            for each in self.authorizations()
            if each.state == "requested" and case in (None, each.case)
        ]

    def grant(
        self,
        authorization: UUID,
        *,
        fields: Sequence[str] | None = None,
        uses: int | None = None,
        days: int | None = None,
    ) -> Authorization:
        """Agree to what was asked, or to less; never to more.

        Raises:
            YiciProblem: 403 for more than was asked, 404, 409 where it was decided already.
        """
        limits = {
            "fields": list(fields) if fields is not None else None,
            "uses": uses,
            "days": days,
        }
        agreed = {name: value for name, value in limits.items() if value is not None}
        return self._decide(authorization, "grant", json=agreed)

    def refuse(self, authorization: UUID) -> Authorization:
        """Refuse what was asked. Raises YiciProblem (404, 409)."""
        return self._decide(authorization, "refuse")

    def withdraw(self, authorization: UUID) -> Authorization:
        """Withdraw a grant; it counts no more from the next lookup on. Raises YiciProblem."""
        return self._decide(authorization, "withdraw")

    def upload(
        self, case: UUID, material: str, content: bytes, *, file_name: str, media_type: str
    ) -> tuple[Document, Case]:
        """Give a document for a material. The same content again changes nothing.

        Raises:
            YiciProblem: 413 too large, 415 neither PDF, PNG nor JPEG, 404, 409.
        """
        return self._send(
            "POST",
            f"/v1/me/cases/{case}/materials/{material}",
            idempotent=True,
            files={"file": (file_name, content, media_type)},
        ).read(lambda answer: (Document.of(answer["document"]), Case.of(answer["case"])))

    def documents(self) -> Iterator[Document]:
        """The documents one gave, newest first."""
        return self._pages("/v1/me/materials", "documents", Document.of)

    def certificates(self) -> list[OwnCertificate]:
        """The newest version of each certificate one holds, whole."""
        shape = listed("certificates", OwnCertificate.of)
        return self._send("GET", "/v1/me/certificates").read(shape)

    def download(self, identifier: str) -> str:
        """One's own certificate as a signed file (SD-JWT VC, RFC 9901). Raises YiciProblem."""
        return self._send("GET", f"/v1/me/certificates/{identifier}").text

    def bind(self, identifier: str, key: Signer, *, at: datetime) -> str:
        """A copy of one's own certificate that is bound to a key one holds (SD-JWT VC).

        Shown with ``certstore.present(copy, paths, key=key, …)`` it proves whose it is. Raises
        YiciProblem: 404, 409 where it is not in force.
        """
        path = "/v1/me/binding-nonces"
        nonce, audience = self._send("POST", path, idempotent=True).read(
            lambda answer: (str(answer["nonce"]), str(answer["audience"]))
        )
        proof = sign_possession(key, audience=audience, nonce=nonce, issued_at=at)
        return self._send(
            "POST",
            f"/v1/me/certificates/{identifier}/bound-copies",
            idempotent=False,
            json={"jwk": key.public_jwk(), "proof": proof},
        ).text

    def show(
        self,
        identifier: str,
        fields: Sequence[str],
        *,
        seconds: int = 300,
        audience: str | None = None,
    ) -> OneTimeCode:
        """A code by which the next counter that scans it sees these fields, once.

        Raises:
            YiciProblem: 400 for a field the certificate does not state, 404, 409 where it is not
                in force.
        """
        asked = {"identifier": identifier, "fields": list(fields), "seconds": seconds}
        if audience is not None:
            asked["audience"] = audience
        answer = self._send("POST", "/v1/me/presentations", idempotent=False, json=asked)
        return answer.read(OneTimeCode.of)

    def showings(self) -> Iterator[Showing]:
        """What one showed by codes and what became of each, newest first."""
        return self._pages("/v1/me/presentations", "presentations", Showing.of)

    def withdraw_code(self, showing: UUID) -> Showing:
        """Have a code count no more. Raises YiciProblem: 404, 409 where it was used already."""
        path = f"/v1/me/presentations/{showing}/withdraw"
        return self._send("POST", path, idempotent=False).read(Showing.of)

    def lookups(self) -> Iterator[Seen]:
        """Every lookup of one's data, refused ones too, newest first."""
        return self._pages("/v1/me/lookups", "lookups", Seen.of)

    def _decide(self, authorization: UUID, decision: str, **content: Any) -> Authorization:
        path = f"/v1/me/authorizations/{authorization}/{decision}"
        return self._send("POST", path, idempotent=False, **content).read(Authorization.of)

    def _pages(self, path: str, name: str, shape: Callable[[Any], Read]) -> Iterator[Read]:
        before: Any = None
        while True:
            asked = {} if before is None else {"before": before}
            found, before = self._send("GET", path, params=asked).read(
                lambda page: (listed(name, shape)(page), page["next"])
            )
            yield from found
            if before is None:
                return

    def _send(self, method: str, path: str, **options: Any) -> Reply:
        return self._transport.send(method, path, headers=self._headers, **options)
