"""Issuing from a file: clean rows become certificates, faulty ones are reported, none is lost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from exchange.bulk import issuing as issuing_module
from exchange.bulk.tables import bulk_chunks
from exchange.certificates import issuing
from exchange.certificates.tables import certificates
from tests.bulk.jobs import (
    LICENCE,
    count,
    hand_over,
    issue,
    json_lines,
    report,
    row,
    run,
    running_of,
    seen,
    start,
)
from tests.hub import CITY, HEALTH, MARKET, Served, credit_code
from tests.lookups.asking import lookup

pytestmark = pytest.mark.usefixtures("small_chunks")


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Chunks that a small file has several of."""
    monkeypatch.setattr(issuing, "CHUNK", 10)
    monkeypatch.setattr(issuing_module, "MOST_BACKLOG", 15)


def test_clean_rows_become_certificates_and_the_same_file_again_changes_nothing(
    served: Served,
) -> None:
    rows = [row(n) for n in range(1001, 1026)]
    before = count(served.hub, certificates)
    first = issue(served, rows)
    assert (first["state"], first["total"], first["done"]) == ("done", 25, 25)
    assert first["counts"] == {"issued": 25, "revised": 0, "unchanged": 0, "refused": 0}
    assert first["chunks"] == 3
    again = issue(served, rows)
    assert again["counts"]["unchanged"] == 25
    assert count(served.hub, certificates) == before + 25


def test_a_later_term_renews_and_other_content_revises(served: Served) -> None:
    before = count(served.hub, certificates)
    issue(served, [row(2001)])
    changed = row(2001)
    changed["fields"] = {**changed["fields"], "region": "深圳"}
    assert issue(served, [changed])["counts"]["revised"] == 1
    assert issue(served, [changed])["counts"]["unchanged"] == 1
    assert count(served.hub, certificates) == before + 2


def test_every_faulty_row_is_reported_with_number_field_and_reason_and_no_value(
    served: Served,
) -> None:
    rows: list[Any] = [row(n) for n in range(3001, 3008)]
    rows[1]["valid_from"] = "15.01.2020"
    rows[2]["holder"]["id"] = "91440101999999999X"
    del rows[3]["fields"]["name"]
    rows[4]["suprise"] = 1
    rows[5]["fields"]["name"] = "不得\u0000存储"
    file = json_lines(rows) + b'{"serial": \nnot json\n\n[1]\n' + b'{"a":1,"a":2}\n'
    done = run(served, "issue", type=LICENCE, format="jsonl", file=file)
    assert done["counts"] == {"issued": 2, "revised": 0, "unchanged": 0, "refused": 9}
    assert done["total"] == done["done"] == 11
    with served.as_system(MARKET) as client:
        found = report(client, done["job"])
        text = client.get(f"/v1/bulk/{done['job']}/report").text
    told = {(each["row"], each["field"], each["rule"]) for each in found}
    assert {
        (2, "valid_from", "date"),
        (3, "holder.id", "holder-id"),
        (4, "name", "required"),
    } < told
    assert {(5, "suprise", "unknown-member"), (6, None, "character")} < told
    assert {
        (8, None, "not-json"),
        (10, None, "not-an-object"),
        (11, "row", "duplicate-claims"),
    } & told
    assert {each["row"] for each in found} == {2, 3, 4, 5, 6, 8, 9, 10, 11}
    assert "91440101999999999X" not in text
    assert text.splitlines()[0] == "row,field,rule,zh,en"


def test_a_file_of_refused_rows_only_is_done_chunk_by_chunk(served: Served) -> None:
    before = count(served.hub, bulk_chunks)
    done = issue(served, [{"serial": f"A{n}"} for n in range(40)] + [row(4001)])
    assert done["counts"]["refused"] == 40
    assert done["counts"]["issued"] == 1
    assert done["chunks"] == 3
    assert count(served.hub, bulk_chunks) == before + 3


def test_a_row_that_says_otherwise_what_an_earlier_one_said_is_refused(served: Served) -> None:
    other = row(5001)
    other["fields"] = {**other["fields"], "region": "深圳"}
    done = issue(served, [row(5001), *(row(n) for n in range(5002, 5030)), other, row(5001)])
    assert done["counts"] == {"issued": 29, "revised": 0, "unchanged": 1, "refused": 1}


def test_csv_names_holder_dates_and_fields_as_columns(served: Served) -> None:
    head = (
        "serial,holder_id_type,holder_id,holder_name,valid_from,name,credit_code,region,"
        "registered_on,business_scope"
    )
    lines = [
        f"{credit_code(n)},001,{credit_code(n)},甲{n}公司,2020-01-15,甲{n}公司,"
        f'{credit_code(n)},广州,2020-01-15,"食品,\n销售"'
        for n in (6001, 6002)
    ]
    file = "\ufeff" + "\r\n".join([head, *lines, "A,B", f'"{credit_code(6003)}', lines[0]]) + "\r\n"
    done = run(served, "issue", type=LICENCE, format="csv", file=file.encode())
    assert done["counts"] == {"issued": 2, "revised": 0, "unchanged": 1, "refused": 2}, done


def test_csv_columns_that_do_not_fit_the_type_fail_the_job_at_once(served: Served) -> None:
    done = run(served, "issue", type=LICENCE, format="csv", file=b"serial,colour\nA,red\n")
    assert done["state"] == "failed"
    assert "colour" in done["failure"]["en"]
    assert done["done"] == 0


def test_a_type_that_the_department_may_not_issue_fails(served: Served) -> None:
    done = run(
        served, "issue", by=CITY, type="parking-facility-licence", format="jsonl",
        file=json_lines([row(1)]),
    )  # fmt: skip
    assert done["state"] == "failed"
    assert done["failure"]["code"] == "bad-request"


def test_a_job_that_was_stopped_keeps_what_was_done(served: Served) -> None:
    before = count(served.hub, certificates)
    with served.as_system(MARKET) as client:
        file = hand_over(client, json_lines([row(n) for n in range(7001, 7060)]))
        job = start(client, "issue", type=LICENCE, format="jsonl", file=file)
        running, asked = running_of(served.hub), 0

        def stop_after_two() -> bool:
            nonlocal asked
            asked += 1
            if asked == 2:
                assert client.delete(f"/v1/bulk/{job}").json()["stopping"]
            return False

        running.run(job, stop_after_two)
        stopped = seen(client, job)
        assert (stopped["state"], stopped["done"], stopped["chunks"]) == ("stopped", 30, 3)
        running.run(job)
        assert seen(client, job) == stopped
        assert client.delete(f"/v1/bulk/{job}").status_code == 409
    assert count(served.hub, certificates) == before + stopped["done"]


def test_a_paused_job_goes_on_where_it_was(served: Served) -> None:
    with served.as_system(MARKET) as client:
        file = hand_over(client, json_lines([row(n) for n in range(8001, 8036)]))
        job = start(client, "issue", type=LICENCE, format="jsonl", file=file)
        running = running_of(served.hub)
        running.run(job, lambda: True)
        assert (seen(client, job)["state"], seen(client, job)["done"]) == ("running", 10)
        running.run(job)
        done = seen(client, job)
    assert done["counts"] == {"issued": 35, "revised": 0, "unchanged": 0, "refused": 0}


def test_objects_come_before_rows(served: Served, tmp_path: Path) -> None:
    """A file is in the store before any row names it."""
    with served.as_system(MARKET) as client:
        sha256 = hand_over(client, json_lines([row(1)]))
        assert hand_over(client, json_lines([row(1)])) == sha256
    assert served.hub.objects.exists(sha256)


def test_of_a_certificate_that_changed_hands_the_old_holder_has_nothing_valid(
    served: Served,
) -> None:
    serial, old, new = "LICENCE-HANDED-ON", credit_code(881), credit_code(882)
    fields = row(881)["fields"]
    issue(served, [row(881, serial=serial)])
    served.clock.advance(seconds=1)
    handed_on = row(882, serial=serial, fields={**fields, "credit_code": new})
    assert issue(served, [handed_on])["counts"]["revised"] == 1
    with served.as_system(HEALTH) as health:
        answers = [
            health.post("/v1/lookups", json=lookup(holder)).json()["certificates"]
            for holder in (old, new)
        ]
    states = [[each["state_code"] for each in found] for found in answers]
    assert "01" not in states[0]
    assert states[1] == ["01"]
