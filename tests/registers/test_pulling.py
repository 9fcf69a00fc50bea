"""Pulling registers: every received row is accounted for, once, whatever happens."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from connectors import WorkerGate
from exchange.audit.tables import audit_records
from exchange.certificates.tables import certificates, issue_batches
from exchange.demo.registers import Manifest
from exchange.registers import repository
from exchange.registers.pulling import Pulling
from exchange.registers.records import Finding
from exchange.registers.tables import quarantine as quarantine_table
from tests.hub import MARKET, Served
from tests.registers.environment import environment
from tests.registers.killed import DEAD
from tests.registers.pulls import (
    PARTS,
    REGISTERS,
    count,
    pull,
    pulling_of,
    quarantine,
    request,
    seen,
)

ROOT = Path(__file__).resolve().parents[2]


def parts(found: dict[str, Any]) -> list[int]:
    return [found[part] for part in PARTS]


def pull_records(served: Served) -> list[dict[str, Any]]:
    """What the log says of pulls that ended."""
    with served.hub.work.read() as connection:
        bodies = connection.execute(
            sa.select(audit_records.c.body)
            .where(audit_records.c.kind == "pull")
            .order_by(audit_records.c.index)
        ).scalars()
        return [json.loads(bytes(body)) for body in bodies]


@pytest.mark.parametrize("register", REGISTERS)
def test_received_is_issued_and_revised_and_unchanged_and_quarantined(
    served: Served, pulling: Pulling, manifest: Manifest, register: str
) -> None:
    about = next(each for each in manifest.registers if each.department == REGISTERS[register])
    found = pull(served, pulling, register)
    assert found["state"] == "done", found
    assert found["received"] == about.rows == sum(parts(found))
    assert found["quarantined"] == len(about.faults)
    assert found["issued"] + found["revised"] == count(served.hub, certificates) == about.clean


@pytest.mark.parametrize("register", REGISTERS)
def test_pulled_again_everything_is_unchanged(
    served: Served, pulling: Pulling, manifest: Manifest, register: str
) -> None:
    first = pull(served, pulling, register)
    waiting = quarantine(served, register)
    second = pull(served, pulling, register)
    assert second["issued"] == second["revised"] == 0
    assert second["unchanged"] == first["issued"] + first["revised"]
    assert second["quarantined"] == first["quarantined"]
    assert [each["id"] for each in quarantine(served, register)] == [each["id"] for each in waiting]


def test_several_terms_of_one_licence_are_versions_of_one_certificate(
    served: Served, pulling: Pulling, manifest: Manifest
) -> None:
    pull(served, pulling, "licensing-office")
    known = next(each for each in manifest.terms.holders if each.terms > 1)
    with served.hub.work.read() as connection:
        numbers = connection.execute(
            sa.select(certificates.c.version)
            .where(certificates.c.serial == known.serial)
            .order_by(certificates.c.version)
        ).scalars()
        assert list(numbers) == list(range(1, known.terms + 1))


def test_quarantine_names_row_rule_and_masked_value(
    served: Served, pulling: Pulling, manifest: Manifest
) -> None:
    pull(served, pulling, "market-regulator")
    found = quarantine(served, "market-regulator")
    assert {fault.row_number for fault in manifest.enterprises.faults} == {
        each["row_number"] for each in found
    }
    assert {fault.rule for fault in manifest.enterprises.faults} <= {each["rule"] for each in found}
    for each in found:
        assert each["zh"] and each["en"]
        shown = each["masked_value"].replace("*", "")
        assert len(shown) <= 2, each


def test_one_cell_questioned_twice_by_rules_of_one_name_stands_in_quarantine_once(
    served: Served, manifest: Manifest
) -> None:
    wanted = request(served, "market-regulator")
    finding = Finding(3, "f" * 64, "expect_x", "名称", "critical", "甲*乙", "不符", "unfit")
    with served.hub.work.begin() as work:
        about = repository.find_pull(work.connection, wanted)
        assert about is not None
        repository.put_findings(work.connection, about, [finding, finding], work.now)
        work.commit()
    assert count(served.hub, quarantine_table) == 1


@pytest.mark.slow
@pytest.mark.parametrize("chunks", [1, 3])
def test_a_pull_killed_in_the_middle_is_taken_up_and_adds_up_as_if_nothing_had_been(
    served: Served, pulling: Pulling, manifest: Manifest, chunks: int
) -> None:
    register = "licensing-office"
    wanted = request(served, register)
    killed = subprocess.run(
        [sys.executable, "-m", "tests.registers.killed", str(wanted), str(chunks)],
        cwd=ROOT,
        env=environment(served.hub.settings),
        capture_output=True,
        text=True,
    )
    assert killed.returncode == DEAD, killed.stderr
    survived = count(served.hub, certificates)
    assert 0 < survived < manifest.terms.clean
    assert seen(served, register, wanted)["state"] == "running"
    assert pulling.unfinished() == [wanted]
    pulling.run(wanted)
    found = seen(served, register, wanted)
    assert found["state"] == "done"
    assert found["received"] == sum(parts(found)) == manifest.terms.rows
    assert found["unchanged"] == 0
    assert count(served.hub, certificates) == manifest.terms.clean
    assert pulling.unfinished() == []


def test_two_workers_at_once_pull_a_register_once(
    served: Served, gate: WorkerGate, manifest: Manifest
) -> None:
    wanted = request(served, "market-regulator")
    workers = [pulling_of(served.hub, gate) for _ in range(2)]
    threads = [threading.Thread(target=each.run, args=(wanted,)) for each in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = seen(served, "market-regulator", wanted)
    assert found["state"] == "done"
    assert parts(found) == [manifest.enterprises.clean, 0, 0, len(manifest.enterprises.faults)]
    assert count(served.hub, certificates) == manifest.enterprises.clean
    assert count(served.hub, issue_batches) == 1
    assert len(pull_records(served)) == 1


def test_a_finished_pull_is_never_run_again(
    served: Served, pulling: Pulling, manifest: Manifest
) -> None:
    wanted = request(served, "market-regulator")
    pulling.run(wanted)
    before = seen(served, "market-regulator", wanted)
    batches = count(served.hub, issue_batches)
    pulling.run(wanted)
    assert seen(served, "market-regulator", wanted) == before
    assert count(served.hub, issue_batches) == batches


def test_a_register_that_is_not_there_fails_by_name_and_may_be_pulled_again(
    served: Served, pulling: Pulling
) -> None:
    assert served.hub.settings.registers_dir is not None
    served.hub.settings.registers_dir.mkdir(exist_ok=True)
    found = pull(served, pulling, "market-regulator")
    assert (found["state"], found["failure"]["code"]) == ("failed", "source-missing")
    assert found["failure"]["zh"] and found["failure"]["en"]
    assert pull(served, pulling, "market-regulator")["state"] == "failed"


@pytest.mark.parametrize(
    "content", [b"<html><body>502 Bad Gateway</body></html>", b"[{", b"", b"\xff\xfe{}", b"{}"]
)
def test_what_is_no_register_fails_and_leaves_nothing_half_done(
    served: Served, pulling: Pulling, manifest: Manifest, content: bytes
) -> None:
    assert served.hub.settings.registers_dir is not None
    (served.hub.settings.registers_dir / manifest.facilities.file).write_bytes(content)
    found = pull(served, pulling, "transport-bureau")
    assert found["state"] in {"failed", "held"}, found
    assert found["failure"]["code"] != "internal"
    assert count(served.hub, certificates) == 0


def test_a_register_with_too_many_faults_is_held_whole(
    served: Served, pulling: Pulling, manifest: Manifest
) -> None:
    assert served.hub.settings.registers_dir is not None
    path = served.hub.settings.registers_dir / manifest.enterprises.file
    lines = path.read_bytes().split(b"\n")
    broken = [line.replace(b"1997", b"yes") for line in lines[1:]]
    path.write_bytes(b"\n".join([lines[0], *broken]))
    found = pull(served, pulling, "market-regulator")
    assert (found["state"], found["failure"]["code"]) == ("held", "over-failure-threshold")
    assert found["quarantined"] > 100
    assert count(served.hub, certificates) == 0
    assert count(served.hub, quarantine_table) > 100


def test_a_changed_row_is_a_revision_and_the_others_are_unchanged(
    served: Served, pulling: Pulling, manifest: Manifest
) -> None:
    assert served.hub.settings.registers_dir is not None
    first = pull(served, pulling, "market-regulator")
    path = served.hub.settings.registers_dir / manifest.enterprises.file
    name = manifest.enterprises.holders[0].holder_name.encode()
    path.write_bytes(path.read_bytes().replace(name, name + "新".encode(), 1))
    second = pull(served, pulling, "market-regulator")
    assert parts(second) == [0, 1, first["issued"] - 1, first["quarantined"]]


def test_each_pull_stands_in_the_log_with_its_sums(
    served: Served, pulling: Pulling, manifest: Manifest
) -> None:
    found = pull(served, pulling, "market-regulator")
    records = pull_records(served)
    assert records[-1]["department"] == MARKET
    assert records[-1]["count"] == found["received"]
    assert records[-1]["counts"] == {part: found[part] for part in PARTS}
    assert records[-1]["outcome"] == "done"
