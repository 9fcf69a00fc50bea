"""What operators ask: alive, ready, metrics."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from exchange import embedded
from tests.http.standing import HOLDER, Standing, case_body, problem
from tests.lookups.asking import lookup


def test_alive_and_ready(once: Standing) -> None:
    assert once.visitor.get("/healthz").json() == {"status": "ok"}
    assert once.visitor.get("/readyz").json() == {"status": "ready"}


def test_without_its_database_the_hub_is_alive_but_not_ready(own: Standing) -> None:
    embedded.drop_database(own.database.server, own.database.name)
    assert own.visitor.get("/healthz").status_code == 200
    answer = own.visitor.get("/readyz")
    document = problem(answer, 503)
    assert document["type"] == "urn:yici:problem:unavailable"
    assert own.database.name not in answer.text
    assert own.visitor.get("/metrics").status_code == 200
    refused = own.centre.post("/v1/cases", json=case_body("C-5"))
    assert problem(refused, 503) and refused.headers["retry-after"]


def test_metrics_are_what_prometheus_reads(once: Standing) -> None:
    once.centre.get(f"/v1/cases/{once.case}")
    once.centre.get(f"/v1/nowhere/{HOLDER}")
    once.centre.get("/v1/cases", params={"case_number": HOLDER})
    once.market.get(f"/v1/certificates/{once.licence}")
    once.health.post("/v1/lookups", json=lookup(HOLDER))
    once.health.post("/v1/lookups", json=lookup(HOLDER, basis=None))
    answer = once.visitor.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    families = {each.name: each for each in text_string_to_metric_families(answer.text)}
    assert {"yici_requests", "yici_request_seconds", "yici_lookups"} <= set(families)
    routes = {sample.labels["route"] for sample in families["yici_requests"].samples}
    assert {"/v1/cases/{case}", "/v1/certificates/{identifier}", "unmatched"} <= routes
    outcomes = {sample.labels["outcome"] for sample in families["yici_lookups"].samples}
    assert {"released", "refused"} <= outcomes


def test_no_label_holds_what_was_asked_for(once: Standing) -> None:
    once.centre.get(f"/v1/nowhere/{HOLDER}")
    once.market.get(f"/v1/certificates/{once.licence}")
    once.centre.get(f"/v1/cases/{once.case}")
    once.visitor.request("HOLDER91", "/v1/items")
    text = once.visitor.get("/metrics").text
    known = {"method", "route", "status", "outcome", "le", "version", "implementation",
             "major", "minor", "patchlevel", "generation"}  # fmt: skip
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            assert set(sample.labels) <= known, sample
    for value in (HOLDER, once.licence, once.case, "HOLDER91"):
        assert value not in text
