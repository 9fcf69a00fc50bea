"""The gate: a worker process that judges, masks, keeps its limits and may die without harm."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Mapping
from pathlib import Path

import pytest

from connectors import ConnectorError, Definition, Finding, WorkerGate
from connectors.check_digits import find_scheme
from tests.connectors.conftest import Define

CODES = ["91440101191193940U", "914401011911939400", None]


def with_suite(define: Define, expect: str, kwargs: str) -> Definition:
    """The definition of shops whose first expectation is another one."""
    return define(
        {
            'expect = "expect_column_values_to_match_regex"': f'expect = "{expect}"',
            '{ column = "number", regex = "^S-" }': kwargs,
        }
    )


def first(findings: tuple[Finding, ...]) -> list[int | None]:
    return sorted((f.row for f in findings if f.expectation == 0), key=lambda row: row or -1)


def test_findings_name_expectation_and_row_and_carry_masked_values(
    gate: WorkerGate, shops: Definition
) -> None:
    findings = gate.judge(shops, {"number": ["S-1", "X-2345", None], "owner": ["Anna", "Bo", "C"]})
    assert set(findings) == {Finding(0, 1, "X***5"), Finding(1, 1, "***"), Finding(1, 2, "***")}


def test_more_than_two_hundred_faulty_rows_are_all_named(
    gate: WorkerGate, shops: Definition
) -> None:
    numbers = [f"X-{n}" for n in range(1000)]
    findings = gate.judge(shops, {"number": numbers, "owner": ["Anna"] * 1000})
    assert first(findings) == list(range(1000))


def test_check_digits_are_judged_by_stdnum(gate: WorkerGate, define: Define) -> None:
    expect = "expect_column_values_to_have_valid_check_digit"
    definition = with_suite(define, expect, '{ column = "number", scheme = "cn.uscc" }')
    findings = gate.judge(definition, {"number": CODES, "owner": ["Anna"] * 3})
    assert findings == (Finding(0, 1, "9***0"),)


@pytest.mark.parametrize(
    ("number", "valid"),
    [
        ("91440101191193940U", True),
        ("91440101191193940u", True),
        ("91440101 191193940U", False),
        ("91440101-191193940U", False),
        ("", False),
    ],
)
def test_a_number_with_blanks_or_hyphens_is_not_the_number(number: str, valid: bool) -> None:
    scheme = find_scheme("cn.uscc")
    assert scheme is not None
    assert scheme(number) is valid


def test_only_modules_of_stdnum_are_schemes() -> None:
    assert find_scheme("iso7064.mod_37_36") is not None
    for name in ("os", "..os", "cn", "cn.uscc.validate", "util", ""):
        assert find_scheme(name) is None


def test_pairs_of_dates_are_compared(gate: WorkerGate, define: Define) -> None:
    pair = "expect_column_pair_values_a_to_be_greater_than_b"
    kwargs = (
        '{ column_A = "record.valid_until", column_B = "record.valid_from", or_equal = true,'
        ' ignore_row_if = "either_value_is_missing" }'
    )
    columns = {
        "record.valid_from": ["2020-01-01", "2020-01-01", "2020-01-01", None],
        "record.valid_until": ["2019-12-31", "2020-01-01", None, "2020-01-01"],
        "owner": ["Anna"] * 4,
    }
    assert first(gate.judge(with_suite(define, pair, kwargs), columns)) == [0]


def test_an_expectation_about_the_register_has_no_row(gate: WorkerGate, define: Define) -> None:
    expect = "expect_column_proportion_of_non_null_values_to_be_between"
    definition = with_suite(define, expect, '{ column = "number", min_value = 0.9 }')
    columns = {"number": ["S-1", None], "owner": ["Anna", "Berta"]}
    assert gate.judge(definition, columns) == (Finding(0, None, None),)


def test_an_expectation_that_cannot_be_judged_is_a_failure_and_never_a_success(
    gate: WorkerGate, shops: Definition
) -> None:
    with pytest.raises(ConnectorError) as caught:
        gate.judge(shops, {"owner": ["Anna"]})
    assert caught.value.code == "gate-failed"
    assert "expect_column_values_to_match_regex" in caught.value.en


def test_a_column_without_any_value_is_judged(gate: WorkerGate, shops: Definition) -> None:
    assert gate.judge(shops, {"number": [None, None], "owner": [None, None]}) == ()


def big(rows: int = 200_000) -> Mapping[str, list[str | None]]:
    return {"number": ["S-1"] * rows, "owner": ["Anna"] * rows}


def test_a_worker_killed_in_the_middle_is_a_named_failure_and_the_next_pull_works(
    shops: Definition,
) -> None:
    with WorkerGate() as gate:
        gate.warm()
        assert gate.pid is not None
        os.kill(gate.pid, signal.SIGSTOP)  # so that it surely has not answered when it dies
        caught: list[ConnectorError] = []

        def judge() -> None:
            try:
                gate.judge(shops, big())
            except ConnectorError as error:
                caught.append(error)

        asking = threading.Thread(target=judge)
        asking.start()
        os.kill(gate.pid, signal.SIGKILL)
        asking.join(30)
        # Killed before it was asked, it is replaced silently; killed while asked, it is named.
        assert [error.code for error in caught] in ([], ["gate-failed"])
        assert gate.judge(shops, {"number": ["X"], "owner": ["Anna"]}) == (Finding(0, 0, "***"),)


def test_a_worker_that_does_not_answer_is_stopped_at_the_time_limit(shops: Definition) -> None:
    with WorkerGate(time_limit_s=0.3) as gate:
        gate.warm()
        assert gate.pid is not None
        os.kill(gate.pid, signal.SIGSTOP)
        with pytest.raises(ConnectorError) as caught:
            gate.judge(shops, big())
        assert caught.value.code == "gate-timeout"
        assert gate.pid is None


def test_a_worker_beyond_its_memory_limit_fails_by_name(shops: Definition) -> None:
    with WorkerGate(memory_limit_bytes=120 * 1024**2) as gate:
        with pytest.raises(ConnectorError) as caught:
            gate.judge(shops, {"number": ["S-1"], "owner": ["Anna"]})
        assert caught.value.code in ("limit-exceeded", "gate-failed")


def test_the_worker_leaves_no_file_and_gets_no_secret(
    shops: Definition, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setenv("YICI_DATABASE_URL", "postgresql://nobody")
    (tmp_path / "home").mkdir()
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    with WorkerGate() as gate:
        assert gate.judge(shops, {"number": ["S-1"], "owner": ["Anna"]}) == ()
        environment = Path(f"/proc/{gate.pid}/environ").read_bytes()
        assert b"YICI_" not in environment
    assert [*(tmp_path / "home").iterdir(), *(tmp_path / "work").iterdir()] == []
