"""docs/audit-events.md says what the code does: every kind, field, finding, and the commands."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

from exchange.audit import findings, verify
from exchange.audit.entries import commitment_to, leaf_of
from exchange.audit.evidence import DatabaseEvidence, parse_line
from exchange.audit.export import export
from exchange.audit.kinds import BASES, KINDS, OUTCOMES
from exchange.audit.log import Log
from exchange.audit.records import FIELDS
from tests.audit.conftest import grow, record
from tests.conftest import ROOT, Database

DOCUMENT = (ROOT / "docs" / "audit-events.md").read_text()


def table_of_kinds() -> str:
    lines = ["| Kind | 类别 | Meaning | Needs |", "|---|---|---|---|"]
    for name, kind in KINDS.items():
        needs = ", ".join(f"`{field}`" for field in kind.required)
        lines.append(f"| `{name}` | {kind.zh} | {kind.en} | {needs} |")
    return "\n".join(lines)


def test_the_table_of_kinds_is_the_one_in_the_code() -> None:
    written = DOCUMENT.split("<!-- kinds -->\n")[1].split("\n<!-- /kinds -->")[0]
    assert written == table_of_kinds()


def test_every_field_and_closed_value_is_documented_and_no_other() -> None:
    section = DOCUMENT.split("## Fields")[1].split("**Personal data.**")[0]
    rows = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    documented = {name for row in rows for name in re.findall(r"`([a-z]+)`", row)}
    assert documented == FIELDS | {"v", "kind", "at"}
    for value, (zh, _) in {**OUTCOMES, **BASES}.items():
        assert f"`{value}` {zh}" in section


def test_every_finding_is_documented() -> None:
    codes: set[str] = set()
    for module in (findings, verify):
        source = Path(str(module.__file__)).read_text()
        codes |= set(re.findall(r'(?:Finding|of_log)\(\s*"([a-z-]+)"', source))
    assert len(codes) > 15
    for code in codes - {"more"}:
        assert f"`{code}`" in DOCUMENT, code


def test_the_commands_to_recompute_a_leaf_work(
    log: Log, application: Any, database: Database, tmp_path: Path
) -> None:
    grow(log, application, 300)
    evidence = DatabaseEvidence.open(database.app_url)
    try:
        folder = export(evidence, tmp_path / "log", log.vkey).folder
    finally:
        evidence.close()
    commands = DOCUMENT.split("```sh\n")[1].split("```")[0].strip().splitlines()
    told = [
        subprocess.run(["sh", "-c", command], cwd=folder, capture_output=True, text=True).stdout
        for command in commands
    ]
    hashes = [re.sub(r"[^0-9a-f]", "", each.replace("-", "")) for each in told]
    nonce, body = parse_line((folder / "records.jsonl").read_bytes().splitlines()[42])
    leaf = leaf_of(nonce + body).hex()
    assert hashes == [commitment_to(nonce + body).hex(), leaf, leaf]
    assert body == record(42).body
