"""Records: canonical bytes, required fields, and nothing in them that should not be."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.audit.errors import RecordRefused, RecordTooLarge
from exchange.audit.kinds import KINDS
from exchange.audit.records import (
    FIELDS,
    Operator,
    canonical,
    format_time,
    indexed_of,
    parse_record,
    parse_time,
    prepare,
)

AT = datetime(2026, 3, 1, 8, 30, 0, 5, tzinfo=UTC)
LOOKUP: dict[str, Any] = {
    "department": "11430000006122244L",
    "system": "approvals",
    "key": "thumbprint",
    "operator": Operator("u1001", "行政审批服务窗口"),
    "holder": bytes(range(32)),
    "type": "11100000000013338W011",
    "fields": ("name", "valid_until"),
    "masked": ["name"],
    "basis": "entrusted",
    "rules": ["r1"],
    "request": "ab" * 32,
    "result": bytes(32),
    "outcome": "released",
    "count": 1,
    "counts": {"issued": 3, "faulty": 0},
}


def test_a_record_is_canonical_json() -> None:
    record = prepare("lookup", AT, **LOOKUP)
    content = json.loads(record.body)
    plain = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert record.body == plain.encode()
    assert content["at"] == "2026-03-01T08:30:00.000005Z"
    assert content["operator"] == {"account": "u1001", "unit": "行政审批服务窗口"}
    assert content["counts"] == {"faulty": 0, "issued": 3}
    assert record.indexed.subject == bytes(range(32))
    assert parse_record(record.body) == content
    assert indexed_of(record.body) == record.indexed


text_fields = st.sampled_from(["case", "department", "item", "reason", "source", "system"])


@given(st.dictionaries(text_fields, st.text(min_size=1, max_size=40).filter(str.isprintable)))
def test_whatever_the_text_the_bytes_are_those_of_the_plain_encoder(texts: dict[str, str]) -> None:
    record = prepare("sign-in", AT, outcome="done", **texts)
    assert canonical(json.loads(record.body)) == record.body
    assert {name: json.loads(record.body)[name] for name in texts} == texts


@given(st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC)))
def test_times_have_one_length_and_lead_back(at: datetime) -> None:
    assert len(format_time(at)) == 27
    assert parse_time(format_time(at)) == at


@pytest.mark.parametrize(
    "at", [datetime(2026, 3, 1), datetime(2026, 3, 1, tzinfo=timezone(timedelta(hours=8)))]
)
def test_a_time_that_is_not_utc_is_refused(at: datetime) -> None:
    with pytest.raises(RecordRefused, match="UTC"):
        prepare("sign-in", at, outcome="done")


@pytest.mark.parametrize("kind", [kind for kind in KINDS if KINDS[kind].required])
def test_each_kind_is_refused_without_any_of_its_required_fields(kind: str) -> None:
    samples: dict[str, Any] = dict(LOOKUP)
    for name in FIELDS - samples.keys():
        samples[name] = "x"
    samples |= {"certificates": ["x"], "policy": bytes(32), "revision": 1}
    prepare(kind, AT, **samples)
    for name in KINDS[kind].required:
        with pytest.raises(RecordRefused, match=name):
            prepare(kind, AT, **{**samples, name: None})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("holder", b"short"),
        ("holder", "AB" * 32),
        ("request", "plain"),
        ("fields", "name"),
        ("fields", [1]),
        ("masked", {"name": 1.5}.values()),
        ("outcome", "perhaps"),
        ("basis", "curiosity"),
        ("basis", ["holder"]),
        ("count", 1.5),
        ("count", True),
        ("count", 2**53),
        ("counts", {"issued": 1.5}),
        ("counts", [1]),
        ("operator", {"account": "a", "unit": "b"}),
        ("operator", Operator("", "b")),
        ("department", ""),
        ("department", 5),
        ("department", "\ud800"),
        ("applicant_name", "x"),
    ],
)
def test_a_wrong_value_is_refused_and_not_repeated(field: str, value: Any) -> None:
    with pytest.raises(RecordRefused) as refused:
        prepare("lookup", AT, **{**LOOKUP, field: value})
    assert refused.value.zh
    assert "curiosity" not in str(refused.value)


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(RecordRefused, match="kind"):
        prepare("gossip", AT, outcome="done")


def test_a_record_longer_than_an_entry_may_be_is_refused() -> None:
    fits = 65_535 - len(prepare("sign-in", AT, outcome="done", reason="x").body) + 1
    assert len(prepare("sign-in", AT, outcome="done", reason="x" * fits).body) == 65_535
    with pytest.raises(RecordTooLarge, match="65536"):
        prepare("sign-in", AT, outcome="done", reason="x" * (fits + 1))


@pytest.mark.parametrize(
    "body", [b"", b"[]", b'{"b":1,"a":1}', b'{"a": 1}', b'{"a":1}\n', b"\xff", b"[" * 100_000]
)
def test_bytes_that_are_not_canonical_are_refused(body: bytes) -> None:
    with pytest.raises(RecordRefused):
        parse_record(body)
