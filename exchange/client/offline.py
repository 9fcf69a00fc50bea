"""Proves a saved lookup with the hub's public keys alone::

    python -m exchange.client.offline EVIDENCE.json --trust TRUST.json [--json]

Opens no network and no database. Exit code 0: proven; 1: it does not hold; 2: unusable input.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from certstore.errors import CertstoreError
from exchange.audit.errors import AuditError
from exchange.client.evidence import Evidence, EvidenceUnusable, Proven, Trust, prove
from exchange.lookups.answers import AnswerRefused

MOST_BYTES = 64 * 1024 * 1024


def main(arguments: Sequence[str] | None = None) -> int:
    """Verify one file of evidence and say what it proves. The exit code."""
    options = _options(arguments)
    try:
        trust = Trust.from_document(_read(options.trust))
        evidence = Evidence.from_dict(_read(options.evidence))
    except EvidenceUnusable as fault:
        _say(options.json, 2, {"proven": False, "code": "unusable", "zh": fault.zh, "en": fault.en})
        return 2
    try:
        proven = prove(evidence, trust)
    except (AnswerRefused, CertstoreError, AuditError) as refused:
        _say(
            options.json,
            1,
            {"proven": False, "code": refused.code, "zh": refused.zh, "en": refused.en},
        )
        return 1
    _say(options.json, 0, _findings(proven))
    return 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m exchange.client.offline",
        description="离线核验一次查验的答复与回执 · verify a lookup's answer and receipt offline",
    )
    parser.add_argument("evidence", type=Path, help="查验凭证 · the evidence (JSON)")
    parser.add_argument(
        "--trust", type=Path, required=True, help="枢纽公钥 · the hub's public keys (JSON)"
    )
    parser.add_argument("--json", action="store_true", help="输出 JSON · print JSON")
    return parser.parse_args(arguments)


def _read(path: Path) -> Any:
    try:
        if path.stat().st_size > MOST_BYTES:
            raise EvidenceUnusable(f"文件过大：{path.name}", f"the file is too large: {path.name}")
        return json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        raise EvidenceUnusable(
            f"无法读取 {path.name}，或其内容不是 JSON",
            f"{path.name} cannot be read or is not JSON",
        ) from None


def _findings(proven: Proven) -> dict[str, Any]:
    return {
        "proven": True,
        "issuer": proven.issuer,
        "audience": proven.audience,
        "issued_at": proven.issued_at.isoformat(),
        "origin": proven.origin,
        "index": proven.index,
        "count": proven.count,
        "size": proven.size,
        "root": proven.root.hex(),
        "records": list(proven.records),
    }


def _say(as_json: bool, code: int, found: dict[str, Any]) -> None:
    if as_json:
        lines = [json.dumps(found, ensure_ascii=False)]
    elif code:
        lines = [f"不成立 · not proven: {found['zh']} · {found['en']}"]
    else:
        lines = _sentences(found)
    (sys.stderr if code == 2 else sys.stdout).write("\n".join(lines) + "\n")


def _sentences(found: dict[str, Any]) -> list[str]:
    count, last = found["count"], found["index"] + found["count"] - 1
    place = str(found["index"]) if count == 1 else f"{found['index']}–{last}"
    lines = [
        f"答复 answer    枢纽 {found['issuer']} 于 {found['issued_at']} 答复 {found['audience']}，"
        f"请求与结果未被改动",
        f"               {found['issuer']} answered {found['audience']}; request and result "
        "are unaltered",
    ]
    if found["records"]:
        lines += [
            f"回执 receipt   记录 {place} 确在日志 {found['origin']} 中（共 {found['size']} 条，"
            f"树根 {found['root'][:16]}…）",
            f"               record {place} stands in the log of {found['size']} records",
        ]
    else:
        lines += [
            f"回执 receipt   未附回执：记录 {place} 的位置仅有枢纽的签名为证",
            f"               no receipts: the place of {place} rests on the hub's signature alone",
        ]
    for record in found["records"][:5]:
        about = " · ".join(
            str(record[name])
            for name in ("kind", "outcome", "reason", "type", "item", "case", "basis")
            if name in record
        )
        lines.append(f"记录 record    {about}")
    return lines


if __name__ == "__main__":
    sys.exit(main())
