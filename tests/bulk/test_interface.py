"""Who may do bulk work, what is refused at the door, the SDK, the command line, the log."""

from __future__ import annotations

import io
import json
from pathlib import Path
from urllib.parse import urlsplit
from uuid import UUID

import httpx
import pytest
import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from typer.testing import CliRunner

from certstore.exports import verify_export
from certstore.keys import Es256Signer
from exchange.audit.tables import audit_records
from exchange.cli import app
from exchange.client.credentials import Credentials
from exchange.client.problems import YiciProblem
from exchange.client.system import Yici
from exchange.departments.records import System
from tests.bulk.jobs import LICENCE, hand_over, json_lines, row, running_of, seen, start
from tests.hub import CITY, MARKET, Served
from tests.registers.environment import environment


def test_another_department_learns_nothing_of_a_job_or_a_file(served: Served) -> None:
    with served.as_system(MARKET) as own, served.as_system(CITY) as other:
        file = hand_over(own, json_lines([row(1)]))
        job = start(own, "issue", type=LICENCE, format="jsonl", file=file)
        wanted = {"kind": "issue", "type": LICENCE, "format": "jsonl", "file": file}
        assert other.post("/v1/bulk", json=wanted).status_code == 404
        for method, path in (("GET", ""), ("DELETE", ""), ("GET", "/report"), ("GET", "/files")):
            assert other.request(method, f"/v1/bulk/{job}{path}").status_code == 404
        assert other.get("/v1/bulk").json()["jobs"] == []
        assert own.delete(f"/v1/bulk/{job}").json()["state"] == "stopped"


def test_the_scope_certificates_is_needed_and_counts_again_when_the_job_runs(
    served: Served,
) -> None:
    hub, signer = served.hub, Es256Signer.generate()
    served.signers["market-bulk"] = signer

    def register(*scopes: str) -> None:
        jwks = {"keys": [signer.public_jwk()]}
        hub.publishing.register_system(
            System("market-bulk", MARKET, "批量", jwks, frozenset(scopes), None)
        )

    register("cases")
    with served.as_system("market-bulk") as client:
        assert client.post("/v1/bulk", json={"kind": "export"}).status_code == 403
        assert client.post("/v1/bulk/files", files={"file": ("a", b"x")}).status_code == 403
    register("cases", "certificates")
    with served.as_system("market-bulk") as client:
        job = start(client, "export")
        register("cases")
        running_of(hub).run(job)
        register("certificates")
    with served.as_system(MARKET) as own:
        assert seen(own, job)["failure"]["code"] == "refused"


@pytest.mark.parametrize(
    ("wanted", "place"),
    [
        ({"kind": "issue", "format": "csv"}, "/file"),
        ({"kind": "issue", "type": LICENCE, "file": "0" * 64}, "/format"),
        ({"kind": "issue", "format": "csv", "file": "0" * 64}, "/type"),
        ({"kind": "export", "file": "0" * 64}, "/file"),
        ({"kind": "melt"}, "/kind"),
        ({"kind": "end", "file": "0" * 64, "format": "csv", "state": "01"}, "/state"),
    ],
    ids=["no file", "no format", "no type", "a file too many", "no such kind", "no end"],
)
def test_what_no_job_can_be_is_refused_at_once(
    served: Served, wanted: dict[str, str], place: str
) -> None:
    with served.as_system(MARKET) as client:
        answer = client.post("/v1/bulk", json=wanted)
    assert answer.status_code == 400
    assert place in [fault["field"] for fault in answer.json()["faults"]]


def test_an_unknown_file_or_type_is_not_found(served: Served) -> None:
    with served.as_system(MARKET) as client:
        file = hand_over(client, b"{}\n")
        wanted = {"kind": "issue", "format": "jsonl"}
        for more in ({"type": LICENCE, "file": "0" * 64}, {"type": "no-such", "file": file}):
            assert client.post("/v1/bulk", json={**wanted, **more}).status_code == 404
        answer = client.post("/v1/bulk/files", files={"file": ("rows", b"")})
        assert (answer.status_code, answer.json()["faults"][0]["field"]) == (400, "/file")
        assert client.post("/v1/bulk/files", json={}).status_code == 415


def test_the_sdk_does_the_whole_round(served: Served) -> None:
    key = Credentials.of(generate_private_key(SECP256R1()))
    jwks = {"keys": [key.public_jwk()]}
    scopes = frozenset({"certificates"})
    served.hub.publishing.register_system(System("sdk", MARKET, "批量", jwks, scopes, None))
    with Yici(
        served.url, client_id="sdk", key=key, clock=served.clock,
        issuer=served.hub.settings.public_url,
    ) as market:  # fmt: skip
        file = market.bulk.hand_over(io.BytesIO(json_lines([row(50), {"serial": "X"}])))
        job = market.bulk.start("issue", certificate_type=LICENCE, file=file, form="jsonl")
        assert not job.finished
        running_of(served.hub).run(job.id)
        done = market.bulk.job(job.id)
        assert (done.state, done.counts["issued"], done.counts["refused"]) == ("done", 1, 1)
        assert {(each.row, each.field) for each in market.bulk.refused(job.id)} >= {(2, "holder")}
        assert job.id in [each.id for each in market.bulk.jobs()]
        with pytest.raises(YiciProblem) as refused:
            market.bulk.stop(job.id)
        assert refused.value.status == 409
        export = market.bulk.start("export")
        running_of(served.hub).run(export.id)
        manifest = json.loads(market.bulk.file(export.id, "manifest.json"))
        names = {each["name"] for each in manifest["parts"]} | {"manifest.json", "trust.json"}
        assert names < set(market.bulk.files(export.id))
        address = urlsplit(market.bulk.link(export.id, "manifest.json", seconds=60))
        linked = f"{served.url}{address.path}?{address.query}"
        fetched = httpx.get(linked)
        assert json.loads(fetched.content) == manifest
        assert fetched.headers["content-type"] == "application/json"
        served.clock.advance(seconds=61)
        assert httpx.get(linked).status_code == 404
        for name, seconds in (("nothing.json", 60), ("manifest.json", 604_801)):
            with pytest.raises(YiciProblem) as refused:
                market.bulk.link(export.id, name, seconds=seconds)
            assert refused.value.status == (404 if seconds == 60 else 400)
    with served.as_system(CITY) as other:
        path = f"/v1/bulk/{export.id}/files/manifest.json/links"
        assert other.post(path, json={}).status_code == 404


def test_a_job_is_in_the_log_from_its_request_to_its_end(served: Served) -> None:
    with served.as_system(MARKET) as client:
        file = hand_over(client, json_lines([row(60)]))
        job = start(client, "issue", type=LICENCE, format="jsonl", file=file)
    running_of(served.hub).run(job)
    with served.hub.work.read() as connection:
        kinds = connection.execute(
            sa.select(audit_records.c.kind, audit_records.c.body).order_by(audit_records.c.index)
        ).all()
    told = [kind for kind, body in kinds if str(job).encode() in bytes(body)]
    assert told == ["bulk-requested", "bulk-chunk", "bulk-ended"]


def test_the_command_line_starts_shows_and_reports(
    served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = tmp_path / "rows.jsonl"
    rows.write_bytes(json_lines([row(70), {"serial": "X"}]))
    for name, value in environment(served.hub.settings).items():
        monkeypatch.setenv(name, value)

    def yici(*words: str, code: int = 0) -> str:
        done = CliRunner().invoke(app, ["bulk", *words])
        assert done.exit_code == code, done.output
        return done.output

    told = yici("start", "issue", "--department", MARKET, "--type", LICENCE, "--file", str(rows))
    job = told.split()[-1]
    running_of(served.hub).run(UUID(job))
    shown = yici("show", job)
    assert "完成 done" in shown
    assert "新发 issued: 1" in shown
    assert yici("report", job).startswith("row,field,rule,zh,en")
    assert "批量签发" in yici("list", "--department", MARKET)
    yici("stop", job, code=2)
    yici("show", "no-such-job", code=2)
    exported = yici("start", "export", "--department", MARKET).split()[-1]
    yici("download", exported, str(tmp_path / "early"), code=2)
    running_of(served.hub).run(UUID(exported))
    yici("download", exported, str(tmp_path / "export"))
    check = verify_export(tmp_path / "export", at=served.clock.now())
    assert check.holds, check.faults
