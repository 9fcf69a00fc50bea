"""Whoever dies in the middle of an act leaves nothing half done, and can ask for it again."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa

from exchange.audit.tables import audit_records
from exchange.certificates.tables import (
    certificate_events,
    certificate_requests,
    certificates,
    issue_batches,
)
from tests.certificates.killed_act import DEAD, act
from tests.hub import PASSPHRASE, Served

ROOT = Path(__file__).resolve().parents[2]


def killed(served: Served, what: str, where: str) -> None:
    settings = served.hub.settings
    command = [sys.executable, "-m", "tests.certificates.killed_act",
               settings.database_url.get_secret_value(), str(settings.keys_dir), PASSPHRASE,
               what, where, "1"]  # fmt: skip
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == DEAD, done.stderr


def count(served: Served, table: sa.Table) -> int:
    with served.hub.work.read() as connection:
        found: int = connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
        return found


def recorded(served: Served, kind: str) -> int:
    with served.hub.work.read() as connection:
        found: int = connection.execute(
            sa.select(sa.func.count()).where(audit_records.c.kind == kind)
        ).scalar_one()
        return found


@pytest.mark.parametrize("where", ["before-signing", "before-commit", "after-commit"])
def test_a_certificate_whose_issuer_died_is_issued_once(served: Served, where: str) -> None:
    killed(served, "issue", where)
    done = where == "after-commit"
    assert (count(served, certificates), count(served, certificate_requests)) == (done, 1)
    first = act(served.hub, "issue", 1)
    assert act(served.hub, "issue", 1) == first
    assert [count(served, table) for table in (certificates, certificate_events)] == [1, 1]
    assert count(served, issue_batches) == 1
    assert recorded(served, "issue") == 1


@pytest.mark.parametrize("where", ["before-signing", "before-commit", "after-commit"])
def test_a_revocation_whose_officer_died_is_done_once(served: Served, where: str) -> None:
    served.issue_licence(1)
    killed(served, "revoke", where)
    done = where == "after-commit"
    assert count(served, certificate_events) == done
    act(served.hub, "revoke", 1)
    act(served.hub, "revoke", 1)
    assert (count(served, certificate_events), recorded(served, "revoke")) == (1, 1)
