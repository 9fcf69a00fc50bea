"""Answers about things that exist fit the document too: a case's whole way, door by door."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, urlsplit
from uuid import UUID

import httpx
import pytest
import schemathesis
from schemathesis.checks import CHECKS, load_all_checks

from certstore.keys import Es256Signer
from certstore.possession import sign_possession
from exchange.jobs import bulk_of
from tests.cases.documents import pdf
from tests.documents.certified import certify_department
from tests.http.standing import WHY, Standing, case_body
from tests.hub import HEALTH, MARKET
from tests.lookups.asking import lookup

load_all_checks()
FITS = CHECKS.get_by_names(
    [
        "not_a_server_error",
        "status_code_conformance",
        "content_type_conformance",
        "response_headers_conformance",
        "response_schema_conformance",
    ]
)


class Checked:
    """Sends requests and holds every answer against the hub's own document."""

    def __init__(self, hub: Standing) -> None:
        raw = hub.visitor.get("/openapi.json").json()
        self._document = schemathesis.openapi.from_dict(raw)
        self.wanted = {
            (method.upper(), path) for path, each in raw["paths"].items() for method in each
        }
        self.seen: set[tuple[str, str]] = set()

    def send(
        self, speaker: httpx.Client, method: str, template: str, status: int, *,
        query: dict[str, Any] | None = None, headers: dict[str, str] | None = None,
        json: Any = None, files: Any = None, data: Any = None, **path: str,
    ) -> httpx.Response:  # fmt: skip
        answer = speaker.request(
            method,
            template.format(**path),
            params=query,
            headers=headers,
            json=json,
            files=files,
            data=data,
        )
        assert answer.status_code == status, (method, template, answer.text)
        answer.request.read()
        case = self._document[template][method].Case(path_parameters=path)
        case.validate_response(answer, checks=FITS)
        self.seen.add((method, template))
        return answer


@pytest.fixture
def checked(own: Standing) -> Checked:
    return Checked(own)


def test_every_operation_answers_as_the_document_says(own: Standing, checked: Checked) -> None:
    as_public(own, checked)
    as_department(own, checked)
    as_holder(own, checked)
    as_whoever_shows(own, checked)
    as_readers_of_files(own, checked)
    as_issuer(own, checked)
    as_bulk_worker(own, checked)
    as_publisher(own, checked)
    as_auditor(own, checked)
    assert checked.wanted - checked.seen == set()


def as_public(own: Standing, checked: Checked) -> None:
    send = checked.send
    for path in ("/healthz", "/readyz", "/metrics", "/v1/trust", "/v1/items"):
        send(own.visitor, "GET", path, 200)
    send(own.visitor, "GET", "/.well-known/jwks.json", 200)
    send(own.visitor, "GET", "/.well-known/oauth-authorization-server", 200)
    send(own.visitor, "GET", "/v1/audit/checkpoint", 200)
    send(own.visitor, "GET", "/v1/audit/consistency", 200, query={"old": 1, "new": 3})
    send(own.visitor, "GET", "/v/{identifier}", 200, identifier=own.licence)
    send(own.visitor, "GET", "/v/{identifier}", 404, identifier="1.2.3")
    item = own.visitor.get("/v1/items").json()["items"][0]["code"]
    send(own.visitor, "GET", "/v1/items/{code}", 200, code=item)
    place = {"issuer": MARKET, "number": "1"}
    listed = send(own.visitor, "GET", "/v1/status-lists/{issuer}/{number}", 200, **place)
    held = {"If-None-Match": listed.headers["etag"]}
    send(own.visitor, "GET", "/v1/status-lists/{issuer}/{number}", 304, headers=held, **place)
    send(own.visitor, "POST", "/v1/verifications", 200, json={"identifier": own.licence})
    form = {
        "grant_type": "client_credentials",
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": own.served.assertion(HEALTH),
    }
    send(own.visitor, "POST", "/oauth/token", 200, data=form)
    send(own.visitor, "POST", "/oauth/token", 401, data={**form, "client_assertion": "a.b.c"})
    account = {"account": "holder", "password": own.served.accounts["holder"]}
    send(own.visitor, "POST", "/v1/me/sessions", 201, json=account)
    send(own.visitor, "POST", "/v1/me/sessions", 401, json={**account, "password": "wrong"})


def as_department(own: Standing, checked: Checked) -> None:
    send = checked.send
    send(own.centre, "POST", "/v1/cases", 201, json=case_body("C-2"))
    send(own.centre, "POST", "/v1/cases", 200, json=case_body("C-2"))
    send(own.centre, "GET", "/v1/cases", 200, query={"case_number": "C-2"})
    send(own.centre, "GET", "/v1/cases/savings", 200)
    send(own.centre, "GET", "/v1/cases/{case}", 200, case=own.case)
    material = {"case": own.case, "material": "premises-floor-plan"}
    send(own.centre, "GET", "/v1/cases/{case}/materials/{material}/content", 200, **material)
    holder = lookup(case_body("")["holder"]["id"])
    send(own.health, "POST", "/v1/lookups", 200, json=holder)
    send(own.health, "POST", "/v1/lookups", 403, json={**holder, "basis": {"kind": "whim"}})
    several = {"lookups": [holder, {**holder, "operator": None}], "receipts": True}
    send(own.health, "POST", "/v1/lookups/batch", 200, json=several)
    give = "/v1/cases/{case}/materials/{material}"
    unknown = {"how": "certificate", "lookup": own.case}
    send(own.centre, "POST", give, 404, json=unknown, case=own.case, material="business-licence")
    asked = {"case": own.case, "requests": [{"material": "business-licence"}]}
    send(own.centre, "POST", "/v1/authorizations", 201, json=asked)
    which = {"authorization": own.authorization}
    send(own.centre, "GET", "/v1/authorizations/{authorization}", 200, **which)
    send(own.health, "GET", "/v1/authorizations/{authorization}", 404, **which)


def as_holder(own: Standing, checked: Checked) -> None:
    send = checked.send
    for path in ("", "/certificates", "/cases", "/materials", "/authorizations", "/lookups"):
        send(own.holder, "GET", f"/v1/me{path}", 200)
    send(own.holder, "GET", "/v1/me/certificates/{identifier}", 200, identifier=own.licence)
    history = "/v1/me/certificates/{identifier}/history"
    send(own.holder, "GET", history, 200, identifier=own.licence)
    upload = "/v1/me/cases/{case}/materials/{material}"
    place = {"case": own.case, "material": "premises-floor-plan"}
    send(own.holder, "POST", upload, 201, files={"file": ("b.pdf", pdf("b"))}, **place)
    send(own.holder, "POST", upload, 415, files={"file": ("b.pdf", b"nothing")}, **place)
    own_authorization = "/v1/me/authorizations/{authorization}/"
    which = {"authorization": own.authorization}
    send(own.holder, "POST", f"{own_authorization}grant", 200, json={"uses": 1}, **which)
    send(own.holder, "POST", f"{own_authorization}refuse", 409, **which)
    send(own.holder, "POST", f"{own_authorization}withdraw", 200, **which)
    send(own.holder, "POST", f"{own_authorization}withdraw", 409, **which)


def as_whoever_shows(own: Standing, checked: Checked) -> None:
    send, key = checked.send, Es256Signer.generate()
    given = send(own.holder, "POST", "/v1/me/binding-nonces", 201).json()
    proof = sign_possession(
        key,
        audience=given["audience"],
        nonce=given["nonce"],
        issued_at=own.served.clock.now(),
    )
    copies, which = "/v1/me/certificates/{identifier}/bound-copies", {"identifier": own.licence}
    wanted = {"jwk": key.public_jwk(), "proof": proof}
    copy = send(own.holder, "POST", copies, 201, json=wanted, **which)
    send(own.holder, "POST", copies, 409, json=wanted, **which)
    send(own.holder, "POST", copies, 400, json={**wanted, "proof": "x"}, **which)
    showing = {"identifier": own.licence, "fields": ["name"]}
    made = send(own.holder, "POST", "/v1/me/presentations", 201, json=showing).json()
    redeeming = {
        "code": made["text"],
        "item": lookup("")["purpose"]["item"],
        "case": "C-9",
        "operator": lookup("")["operator"],
    }
    for status in (200, 403):
        send(own.health, "POST", "/v1/presentations/redeem", status, json=redeeming)
    unknown = {**redeeming, "code": "A" * 32}
    send(own.health, "POST", "/v1/presentations/redeem", 404, json=unknown)
    send(own.holder, "GET", "/v1/me/presentations", 200)
    made = send(own.holder, "POST", "/v1/me/presentations", 201, json=showing).json()
    withdraw, ended = "/v1/me/presentations/{presentation}/withdraw", made["presentation"]
    for status in (200, 409):
        send(own.holder, "POST", withdraw, status, presentation=ended)
    shown = {"file": ("licence.sdjwt", copy.content)}
    send(own.visitor, "POST", "/v1/verifications/files", 200, files=shown)
    send(own.visitor, "POST", "/v1/verifications/files", 400, files={"file": ("x", b"x")})


def as_readers_of_files(own: Standing, checked: Checked) -> None:
    send, which = checked.send, {"identifier": own.licence}
    file = "/v1/certificates/{identifier}/file"
    assert own.market.get(file.format(**which)).status_code == 503  # not certified yet
    certify_department(own.served, MARKET)
    send(own.market, "GET", file, 200, **which)
    send(own.visitor, "GET", "/v1/root", 200)
    send(own.visitor, "GET", "/v1/crl", 404)
    send(own.holder, "GET", "/v1/me/certificates/{identifier}/pdf", 200, **which)
    for speaker, path in ((own.market, "/v1/certificates"), (own.holder, "/v1/me/certificates")):
        picture = f"{path}/{{identifier}}/picture"
        send(speaker, "GET", picture, 200, **which)
        send(speaker, "GET", picture, 400, headers={"Accept": "text/html"}, **which)
    answered = own.health.post("/v1/lookups", json=lookup(case_body("")["holder"]["id"]))
    why = {"lookup": answered.json()["lookup"], "reason": "核对主体资格", "valid_days": 7}
    copies = "/v1/certificates/{identifier}/copies"
    made = send(own.health, "POST", copies, 201, json=why, **which)
    send(own.health, "POST", copies, 200, json=why, **which)
    send(own.market, "POST", copies, 403, json=why, **which)
    copy = made.headers["location"].rsplit("/", 1)[1]
    send(own.health, "GET", "/v1/copies/{copy}", 200, copy=copy)
    send(own.market, "GET", "/v1/copies/{copy}", 404, copy=copy)


def as_issuer(own: Standing, checked: Checked) -> None:
    send = checked.send
    certificate = "/v1/certificates/{identifier}"
    which = {"identifier": own.licence}
    document = own.visitor.get("/openapi.json").json()["components"]["schemas"]
    wanted = {**document["IssueIn"]["examples"][0], "serial": "GZ2026000001"}
    issued = send(own.market, "POST", "/v1/certificates", 201, json=wanted)
    send(own.market, "POST", "/v1/certificates", 409, json={**wanted, "request": "another"})
    other = {"identifier": issued.json()["identifier"]}
    send(
        own.market,
        "POST",
        f"{certificate}/versions",
        400,
        json=document["VersionIn"]["examples"][0]
        | {"validity": {"valid_from": "2030-01-01", "valid_until": "2020-01-01"}},
        **other,
    )
    changed = send(
        own.market,
        "POST",
        f"{certificate}/versions",
        201,
        json=document["VersionIn"]["examples"][0],
        **other,
    )
    other = {"identifier": changed.json()["identifier"]}
    later = {**WHY, "effective_on": "2026-08-01"}
    planned = send(own.market, "POST", f"{certificate}/suspension", 200, json=later, **other)
    event = {"sequence": str(planned.json()["history"][-1]["sequence"]), **other}
    for status in (200, 409):
        send(
            own.market,
            "POST",
            f"{certificate}/events/{{sequence}}/withdrawal",
            status,
            json=WHY,
            **event,
        )
    for status in (200, 409):
        send(own.market, "POST", f"{certificate}/transfer", status, json=WHY, **other)
    send(own.market, "GET", certificate, 200, **which)
    send(own.market, "POST", f"{certificate}/suspension", 200, json=WHY, **which)
    send(own.market, "POST", f"{certificate}/reinstatement", 200, json=WHY, **which)
    send(own.market, "POST", f"{certificate}/revocation", 200, json=WHY, **which)
    send(own.market, "POST", f"{certificate}/revocation", 409, json=WHY, **which)
    send(own.market, "GET", "/v1/registers", 200)
    register = {"register": "market-regulator"}
    started = send(own.market, "POST", "/v1/registers/{register}/pulls", 202, **register)
    send(own.market, "POST", "/v1/registers/{register}/pulls", 409, **register)
    pull = {**register, "pull": started.json()["pull"]}
    send(own.market, "GET", "/v1/registers/{register}/pulls/{pull}", 200, **pull)
    send(own.market, "GET", "/v1/registers/{register}/quarantine", 200, **register)


def as_bulk_worker(own: Standing, checked: Checked) -> None:
    send = checked.send
    rows = {"file": ("rows.jsonl", b"{}\n")}
    sha256 = send(own.market, "POST", "/v1/bulk/files", 201, files=rows).json()["sha256"]
    send(own.market, "POST", "/v1/bulk/files", 400, files={"file": ("rows.jsonl", b"")})
    wanted = {"kind": "issue", "type": "business-licence", "format": "jsonl", "file": sha256}
    waiting = send(own.market, "POST", "/v1/bulk", 202, json=wanted).json()["job"]
    send(own.market, "GET", "/v1/bulk", 200)
    send(own.market, "GET", "/v1/bulk/{job}", 200, job=waiting)
    for status in (200, 409):
        send(own.market, "DELETE", "/v1/bulk/{job}", status, job=waiting)
    export = send(own.market, "POST", "/v1/bulk", 202, json={"kind": "export"}).json()["job"]
    bulk_of(own.served.hub).run(UUID(export))
    for form in ("csv", "jsonl"):
        send(own.market, "GET", "/v1/bulk/{job}/report", 200, query={"format": form}, job=export)
    send(own.market, "GET", "/v1/bulk/{job}/files", 200, job=export)
    place = {"job": export, "name": "manifest.json"}
    send(own.market, "GET", "/v1/bulk/{job}/files/{name}", 200, **place)
    links = "/v1/bulk/{job}/files/{name}/links"
    send(own.market, "POST", links, 400, json={"seconds": 0}, **place)
    linked = send(own.market, "POST", links, 201, json={"seconds": 60}, **place).json()["url"]
    address = urlsplit(linked)
    asked = dict(parse_qsl(address.query))
    stored = {"sha256": address.path.rsplit("/", 1)[1]}
    send(own.visitor, "GET", "/v1/objects/{sha256}", 200, query=asked, **stored)
    asked["signature"] = "0" * 64
    send(own.visitor, "GET", "/v1/objects/{sha256}", 404, query=asked, **stored)
    holder = {"id_type": "001", "id": "91440101000000001M"}
    send(own.market, "POST", "/v1/imported-certificates/searches", 200, json={"holder": holder})


def as_publisher(own: Standing, checked: Checked) -> None:
    send, types = checked.send, "/v1/certificate-types"
    send(own.visitor, "GET", types, 200)
    send(own.visitor, "GET", f"{types}/{{key}}", 200, key="business-licence")
    version = {"key": "business-licence", "version": "1"}
    for part in ("", "/definition", "/schema", "/metadata"):
        send(own.visitor, "GET", f"{types}/{{key}}/versions/{{version}}{part}", 200, **version)
    place = f"{types}/{{key}}/versions/{{version}}/definition".format(**version)
    known = {"definition": own.visitor.get(place).text}
    send(own.auditor, "POST", types, 200, json=known)
    send(own.auditor, "POST", types, 400, json={"definition": "key = 1"})


def as_auditor(own: Standing, checked: Checked) -> None:
    send = checked.send
    send(own.auditor, "GET", "/v1/audit/records", 200, query={"limit": 5, "kind": "lookup"})
    send(own.auditor, "POST", "/v1/audit/search", 200, json={"kind": "lookup", "limit": 5})
    send(own.visitor, "GET", "/log/checkpoint", 200)
    size = own.visitor.get("/log/checkpoint").text.splitlines()[1]
    send(own.visitor, "GET", "/log/tile/{path}", 200, path=f"0/000.p/{size}")
    send(own.visitor, "GET", "/log/tile/{path}", 404, path="0/999")
    send(own.auditor, "GET", "/v1/audit/receipts/{index}", 200, index="0")
    send(own.auditor, "GET", "/v1/audit/receipts/{index}", 404, index="999999")
    item = own.visitor.get("/openapi.json").json()["components"]["schemas"]["ItemIn"]["examples"][0]
    send(own.auditor, "POST", "/v1/items", 201, json=item)
