"""`python -m certstore verify-export FOLDER`: a department's export, checked without the hub.

Exit status: 0 it holds, 1 something was found, 2 it is no export or cannot be read.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import orjson

from certstore.exports import ExportCheck, verify_export
from certstore.status import State
from certstore.trust import TrustAnchors

VERB: Final = "verify-export"


def add_verb(verbs: Any, moment: Callable[[str], datetime]) -> None:
    """Add the verb to the parser of `python -m certstore`; `moment` reads a time."""
    parser = verbs.add_parser(VERB, help="核验整个导出 · verify a department's export")
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="导出目录 · its folder")
    parser.add_argument(
        "--trust",
        type=Path,
        help="可信名单；缺省用导出自带的，仅证明其自洽 · the trust document; without it the"
        " export's own, which proves only that it agrees with itself",
    )
    parser.add_argument(
        "--at", type=moment, help="核验时刻，缺省为现在 · the moment, now if not given (ISO 8601)"
    )
    parser.add_argument("--json", action="store_true", help="输出JSON · print JSON")


def run(options: argparse.Namespace, now: datetime) -> int:
    """Verify and print. Raises CertstoreError where the input is unusable."""
    trust = TrustAnchors.from_json(options.trust.read_bytes()) if options.trust else None
    check = verify_export(options.folder, at=options.at or now, trust=trust)
    if options.json:
        told = orjson.dumps(_told(check), option=orjson.OPT_INDENT_2).decode()
    else:
        told = "\n".join(_lines(check, pinned=trust is not None))
    sys.stdout.write(told + "\n")
    return 0 if check.holds else 1


def _told(check: ExportCheck) -> dict[str, Any]:
    return {
        "holds": check.holds,
        "department": check.department,
        "as_of": check.as_of,
        "versions": check.versions,
        "states": dict(check.states),
        "outcomes": dict(check.outcomes),
        "fault_count": check.fault_count,
        "faults": [
            {"file": f.file, "line": f.line, "code": f.code, "zh": f.zh, "en": f.en}
            for f in check.faults
        ],
    }


def _lines(check: ExportCheck, *, pinned: bool) -> list[str]:
    lines = [
        f"部门 department: {check.department}",
        f"截至 as of:      {check.as_of}",
        f"证照版本 versions: {check.versions:,}",
    ]
    for code, count in sorted(check.states.items()):
        state = State.from_code(code)
        lines.append(f"  {code} {state.zh} {state.en}: {count:,}")
    lines += [f"  {outcome}: {count:,}" for outcome, count in sorted(check.outcomes.items())]
    if not pinned:
        lines.append("可信名单为导出自带，仅证明其自洽 · trusted by its own document only")
    for fault in check.faults:
        place = fault.file if fault.line is None else f"{fault.file}:{fault.line}"
        lines.append(f"{place}: {fault.zh} · {fault.en} ({fault.code})")
    if check.holds:
        lines.append("导出完整，签名和履历均成立 · it holds: files, signatures, histories")
    else:
        lines.append(f"发现 {check.fault_count:,} 处问题 · {check.fault_count:,} faults")
    return lines
