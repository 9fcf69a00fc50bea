"""The invented registers: what the manifest promises is what the connectors find."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from stdnum.cn import uscc

from connectors import Batch, Definition, WorkerGate, load_definitions, read_batch
from exchange.demo.registers import Manifest, generate

FILES = (
    "guangdong_enterprises_1997.csv",
    "chicago_business_licenses.csv",
    "nyc_parking_licenses.json",
)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("registers")


@pytest.fixture(scope="module")
def manifest(root: Path) -> Manifest:
    return generate(root)


@pytest.fixture(scope="module")
def definitions() -> Mapping[str, Definition]:
    return load_definitions()


@pytest.fixture(scope="module")
def gate() -> Iterator[WorkerGate]:
    with WorkerGate() as gate:
        yield gate


@pytest.fixture(scope="module")
def batches(
    root: Path, manifest: Manifest, definitions: Mapping[str, Definition], gate: WorkerGate
) -> Mapping[str, Batch]:
    return {
        register.file: read_batch(definitions[register.department], root, gate=gate)
        for register in manifest.registers
    }


@pytest.mark.parametrize("file", FILES)
def test_every_deliberate_fault_is_found_and_nothing_else(
    batches: Mapping[str, Batch], manifest: Manifest, file: str
) -> None:
    batch = batches[file]
    (register,) = [r for r in manifest.registers if r.file == file]
    found = {row.row_number: {f.rule for f in row.faults} for row in batch.quarantined}
    assert set(found) == {fault.row_number for fault in register.faults}
    for fault in register.faults:
        assert fault.rule in found[fault.row_number], fault.kind
    assert (batch.received, len(batch.clean)) == (register.rows, register.clean)
    assert batch.held is None


@pytest.mark.parametrize("file", FILES)
def test_known_holders_are_clean_and_valid_with_all_their_terms(
    batches: Mapping[str, Batch], manifest: Manifest, file: str
) -> None:
    (register,) = [r for r in manifest.registers if r.file == file]
    assert len(register.holders) >= 5
    for holder in register.holders:
        records = [r for r in batches[file].clean if r.serial == holder.serial]
        assert len(records) == holder.terms
        assert {(r.holder_id_type, r.holder_id, r.holder_name) for r in records} == {
            (holder.holder_id_type, holder.holder_id, holder.holder_name)
        }
        assert records[-1].state == "01"


def test_some_licences_have_several_terms(manifest: Manifest) -> None:
    assert {holder.terms for holder in manifest.terms.holders} == {2, 3, 4}


def test_every_kind_of_fault_occurs(manifest: Manifest) -> None:
    kinds = {fault.kind for register in manifest.registers for fault in register.faults}
    assert kinds >= {
        "check-digit", "broken-date", "end-before-start", "missing-name", "duplicate-number",
        "duplicate-row", "over-long-scope", "broken-encoding", "unknown-status", "ragged-row",
        "broken-quoting", "control-character", "nested-value",
    }  # fmt: skip


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("a", "b", "c")]
    manifests = [generate(f, seed=s) for f, s in zip(folders, (7, 7, 8), strict=True)]
    contents = [[(folder / file).read_bytes() for file in FILES] for folder in folders]
    assert contents[0] == contents[1]
    assert manifests[0] == manifests[1]
    assert all(a != b for a, b in zip(contents[0], contents[2], strict=True))


def test_a_second_run_leaves_the_files_alone_and_repairs_a_damaged_one(tmp_path: Path) -> None:
    first = generate(tmp_path)
    before = {file: (tmp_path / file).stat().st_mtime_ns for file in FILES}
    (tmp_path / FILES[2]).write_text("[")
    assert generate(tmp_path) == first
    after = {file: (tmp_path / file).stat().st_mtime_ns for file in FILES}
    assert [before[file] == after[file] for file in FILES] == [True, True, False]
    assert {path.name for path in tmp_path.iterdir()} == set(FILES)


def test_scale_multiplies_rows_and_not_faults(tmp_path: Path, manifest: Manifest) -> None:
    big = generate(tmp_path, scale=3)
    for small, large in zip(manifest.registers, big.registers, strict=True):
        assert large.rows == 3 * small.rows
        assert Counter(f.kind for f in large.faults) == Counter(f.kind for f in small.faults)
    with pytest.raises(ValueError, match="scale"):
        generate(tmp_path, scale=0)


def test_invented_credit_codes_are_valid_and_in_a_block_nobody_uses(manifest: Manifest) -> None:
    for holder in manifest.enterprises.holders:
        assert uscc.is_valid(holder.holder_id)
        assert holder.holder_id[8:10] == "MY"


def test_columns_are_those_of_the_real_registers(root: Path, shared_dir: Path) -> None:
    for file in FILES[:2]:
        headers = []
        for folder in (root, shared_dir / "data"):
            with (folder / file).open(encoding="utf-8", errors="replace", newline="") as lines:
                headers.append(next(csv.reader(lines)))
        assert headers[0] == headers[1]
    texts = [(f / FILES[2]).read_text("utf-8", "replace") for f in (root, shared_dir / "data")]
    members = [set().union(*json.loads(text)) for text in texts]
    assert members[0] == members[1]
