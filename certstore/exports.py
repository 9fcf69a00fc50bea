"""Exports of a department's certificates, checked without the hub that made them.

A folder holds `manifest.json`, the parts it names (JSON Lines, one version a line), the issuer's
status lists, and the trust document of the day. The manifest says what belongs to it and the
SHA-256 of each file; every certificate is verified by itself.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from certstore.errors import CertstoreError
from certstore.history import statement_of_credential, verify_history
from certstore.sdjwt import parse
from certstore.strict_json import parse_json
from certstore.trust import TrustAnchors
from certstore.verify import Verifier

FORMAT: Final = "yici-export/1"
MANIFEST: Final = "manifest.json"
TRUST: Final = "trust.json"
MOST_SHOWN: Final = 100
_LARGEST_MANIFEST: Final = 64 * 1024 * 1024


def part_name(number: int) -> str:
    """The file name of a part."""
    return f"part-{number:05d}.jsonl"


def status_name(number: int) -> str:
    """The file name of a status list."""
    return f"status-{number}.jwt"


@dataclass(frozen=True, slots=True)
class ExportFault:
    """What does not hold: in which file, on which line (None for the file), and why."""

    file: str
    line: int | None
    code: str
    zh: str
    en: str


@dataclass(slots=True)
class ExportCheck:
    """What an export holds. `outcomes` counts the verdicts' parts as `part:code`; `faults` are
    the first hundred of `fault_count`."""

    department: str
    as_of: str
    versions: int = 0
    states: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    faults: list[ExportFault] = field(default_factory=list)
    fault_count: int = 0

    @property
    def holds(self) -> bool:
        """Whether nothing was found: each file whole, each signature and history sound."""
        return self.fault_count == 0

    def fault(self, file: str, line: int | None, code: str, zh: str, en: str) -> None:
        """Note a fault."""
        self.fault_count += 1
        if len(self.faults) < MOST_SHOWN:
            self.faults.append(ExportFault(file, line, code, zh, en))


def verify_export(folder: Path, *, at: datetime, trust: TrustAnchors | None = None) -> ExportCheck:
    """Check a whole export as of the aware moment `at`.

    Without `trust` the export's own trust document is believed, which proves only that the
    export agrees with itself. Raises CertstoreError `unreadable`, `not-an-export`, and what
    TrustAnchors raises.
    """
    manifest = _manifest(folder)
    check = ExportCheck(manifest["department"], manifest["as_of"])
    for entry in (*manifest["status_lists"], manifest["trust"]):
        _check_file(folder, entry, check)
    if trust is None:
        trust = TrustAnchors.from_json(_bytes(folder, manifest["trust"]["name"]))
    tokens = {each["uri"]: _bytes(folder, each["name"]) for each in manifest["status_lists"]}
    verifier = Verifier(trust, tokens)
    for entry in manifest["parts"]:
        if _check_file(folder, entry, check):
            _check_part(folder, entry, verifier, at, check)
    if check.versions != manifest["versions"]:
        check.fault(MANIFEST, None, "count", "证照数与清单不符", "not as many as it says")
    return check


def _check_part(
    folder: Path, entry: Mapping[str, Any], verifier: Verifier, at: datetime, check: ExportCheck
) -> None:
    name, count = entry["name"], 0
    for number, line in _lines(folder, name):
        count += 1
        try:
            _check_line(name, number, parse_json(line, field="line"), verifier, at, check)
        except (CertstoreError, KeyError, TypeError, AttributeError) as error:
            code = error.code if isinstance(error, CertstoreError) else "malformed"
            check.fault(name, number, code, "此行无法读取", "the line cannot be read")
    check.versions += count
    if count != entry["versions"]:
        check.fault(name, None, "count", "行数与清单不符", "not as many lines as it says")


def _check_line(
    name: str, number: int, line: Mapping[str, Any], verifier: Verifier, at: datetime,
    check: ExportCheck,
) -> None:  # fmt: skip
    verdict = verifier.verify(line["credential"], at=at)
    for title, part in verdict.parts.items():
        check.outcomes[f"{title}:{part.code}"] += 1
    for part in (verdict.integrity, verdict.issuer):
        if part.outcome != "valid":
            check.fault(name, number, part.code, part.zh, part.en)
            return
    if verdict.identifier != line["identifier"]:
        check.fault(name, number, "other-identifier", "标识不符", "of another certificate")
    check.states[line["state"]["code"]] += 1
    _check_history(name, number, line, verifier.trust, check)


def _check_history(
    name: str, number: int, line: Mapping[str, Any], trust: TrustAnchors, check: ExportCheck
) -> None:
    issued = line.get("issued_credential", line["credential"])
    if issued is not line["credential"] and (
        parse(issued).disclosures != parse(line["credential"]).disclosures
    ):
        zh, en = "重签后的内容与原证照不同", "signed anew with other content"
        check.fault(name, number, "other-content", zh, en)
    own = statement_of_credential(issued)
    statements = [each.get("statement", own) for each in line["history"]]
    if None in statements:
        check.outcomes["history:unsigned"] += 1
        return
    for fault in verify_history(statements, trust).faults:
        check.fault(name, number, f"history-{fault.code}", fault.zh, fault.en)


def _check_file(folder: Path, entry: Mapping[str, Any], check: ExportCheck) -> bool:
    name, digest, size = entry["name"], hashlib.sha256(), 0
    try:
        with (folder / name).open("rb") as file:
            while piece := file.read(1 << 20):
                digest.update(piece)
                size += len(piece)
    except OSError:
        check.fault(name, None, "missing", "文件缺失", "the file is missing")
        return False
    if (digest.hexdigest(), size) != (entry["sha256"], entry["size"]):
        check.fault(name, None, "altered", "文件被改动", "the file was altered")
        return False
    return True


def _manifest(folder: Path) -> dict[str, Any]:
    if folder.joinpath(MANIFEST).is_file() and (
        folder.joinpath(MANIFEST).stat().st_size > _LARGEST_MANIFEST
    ):
        raise _not_an_export()
    try:
        found = parse_json(_bytes(folder, MANIFEST), field=MANIFEST)
        entries = [*found["parts"], *found["status_lists"], found["trust"]]
        names = [entry["name"] for entry in entries]
        sound = found["format"] == FORMAT and all(
            type(entry["size"]) is int and type(entry["sha256"]) is str for entry in entries
        )
        # A name leads nowhere but into the folder itself.
        if not sound or any(Path(name).name != name for name in names):
            raise _not_an_export()
        _ = (found["department"] + found["as_of"], found["versions"] + 0)
        _ = [each["uri"] + "" for each in found["status_lists"]]
        _ = [each["versions"] + 0 for each in found["parts"]]
    except (KeyError, TypeError, AttributeError):
        raise _not_an_export() from None
    return dict(found)


def _lines(folder: Path, name: str) -> Iterator[tuple[int, bytes]]:
    with (folder / name).open("rb") as file:
        for number, line in enumerate(file, 1):
            yield number, line.strip()


def _bytes(folder: Path, name: str) -> bytes:
    try:
        return (folder / name).read_bytes()
    except OSError:
        raise CertstoreError(
            "unreadable", f"文件无法读取：{name}", f"cannot be read: {name}"
        ) from None


def _not_an_export() -> CertstoreError:
    return CertstoreError("not-an-export", "不是导出清单", "not the manifest of an export")
