"""What `yici audit …` does. Exit codes: 0 it holds, 1 something was found, 2 it cannot be used."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg2
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from exchange.audit import export as exporting
from exchange.audit import proofs
from exchange.audit import verify as verifying
from exchange.audit.entries import leaf_of
from exchange.audit.errors import (
    AuditError,
    LogDamaged,
    LogUnusable,
    NoteRefused,
    ReceiptRefused,
    RecordAbsent,
    RecordRefused,
)
from exchange.audit.evidence import VKEY_FILE, DatabaseEvidence, Evidence, FolderEvidence
from exchange.audit.findings import Finding
from exchange.audit.notes import MAX_NOTE_BYTES, NoteVerifier
from exchange.audit.search import find_lookup
from exchange.audit.stored import Cursor
from exchange.audit.witness_policy import parse_policy
from exchange.audit.witnessing import well_witnessed_receipt

HOLDS, FOUND, UNUSABLE = 0, 1, 2


def verify(
    console: Console,
    *,
    database_url: str | None = None,
    folder: Path | None = None,
    vkey: str | None = None,
    origin: str | None = None,
    against: Path | None = None,
) -> int:
    """Prove the log of a database or of an exported folder, and print what was found.

    Without `vkey` an export's own is used, and said so. `origin` is the key's name unless given.
    `against` is a file with an older signed checkpoint of this log.
    """

    def run() -> int:
        key = vkey if vkey is not None else _folder_key(console, folder)
        older = _read_text(against) if against is not None else None
        with _evidence(database_url, folder) as evidence, _bar(console, "核验 verify") as bar:
            report = verifying.verify(
                evidence,
                key,
                origin or NoteVerifier.from_vkey(key).name,
                against=older,
                progress=bar,
            )
        _print_report(console, report, against is not None)
        return HOLDS if report.ok else FOUND

    return _guarded(console, run)


def export(console: Console, folder: Path, *, database_url: str, vkey: str) -> int:
    """Write the log to a new folder that `verify` accepts without a database."""

    def run() -> int:
        with _evidence(database_url, None) as evidence, _bar(console, "导出 export") as bar:
            done = exporting.export(evidence, folder, vkey, progress=bar)
        console.print(f"已导出 {done.size} 条记录 · exported {done.size} records")
        return HOLDS

    return _guarded(console, run)


def prove(
    console: Console,
    place: str,
    *,
    database_url: str,
    vkey: str,
    origin: str | None = None,
    output: Path | None = None,
    evidence: Path | None = None,
) -> int:
    """Show one record with its proof, and with `output` write it as one file for others.

    `place` is a lookup's id or a record's index. `evidence` is a file with the signed answer, as
    the SDK writes it, to be carried along.
    """

    def run() -> int:
        answer = proofs.read_proof(_read_text(evidence)) if evidence is not None else None
        connection = _connect(database_url)
        try:
            with connection.cursor() as cursor:
                text = well_witnessed_receipt(cursor, _index_of(cursor, place))
        finally:
            connection.close()
        name = origin or NoteVerifier.from_vkey(vkey).name
        proof = proofs.build_proof(text, answer)
        proven = proofs.verify_proof(proof, vkey, name)
        _print_proven(console, proven)
        if output is not None:
            content = json.dumps(proof, ensure_ascii=False, indent=1) + "\n"
            output.write_text(content, encoding="utf-8", newline="\n")
            console.print(f"证明文件 proof → {escape(str(output))}")
        return HOLDS

    return _guarded(console, run)


def verify_file(
    console: Console, file: Path, *, vkey: str, origin: str | None = None, policy: Path | None
) -> int:
    """Prove a file that `prove` wrote, offline. `policy` says who must have cosigned."""

    def run() -> int:
        known = parse_policy(_read_text(policy)) if policy is not None else None
        name = origin or NoteVerifier.from_vkey(vkey).name
        try:
            value = proofs.read_proof(_read_text(file))
            proven = proofs.verify_proof(value, vkey, name, known)
        except (ReceiptRefused, RecordRefused, NoteRefused) as refused:
            console.print(f"[red]✗[/] {refused.zh} · {refused.en}", soft_wrap=True)
            return FOUND
        _print_proven(console, proven)
        return HOLDS

    return _guarded(console, run)


def _index_of(cursor: Cursor, place: str) -> int:
    if place.isascii() and place.isdigit() and len(place) < 19:
        return int(place)
    index = find_lookup(cursor, place)
    if index is None:
        raise RecordAbsent(zh="日志中没有该次查验", en="the log has no such lookup")
    return index


def _print_proven(console: Console, proven: proofs.Proven) -> None:
    receipt = proven.receipt
    console.print_json(json.dumps(proven.record, ensure_ascii=False))
    console.print(f"随机数 nonce {receipt.nonce.hex()}", soft_wrap=True)
    console.print(f"叶散列 leaf  {leaf_of(receipt.nonce + receipt.record).hex()}", soft_wrap=True)
    console.print(f"树根   root  {receipt.root.hex()}", soft_wrap=True)
    console.print(
        f"[green]✓[/] 第 {receipt.index} 条记录在大小为 {receipt.size} 的已签名日志中 · "
        f"record {receipt.index} stands in the signed log of {receipt.size}"
    )
    for witness, at in proven.witnesses.items():
        console.print(f"[green]✓[/] 见证 witness {escape(witness)} · {at.isoformat()}")
    if proven.evidence is not None:
        console.print(
            "附有签名答复，另以枢纽公钥核验 · it carries the signed answer, which "
            "`python -m exchange.client.offline` proves with the hub's keys"
        )


def _guarded(console: Console, run: Callable[[], int]) -> int:
    try:
        return run()
    except LogDamaged as damaged:
        console.print(f"[red]✗[/] {damaged.zh} · {damaged.en}")
        return FOUND
    except AuditError as error:
        console.print(f"[red]✗[/] {error.zh} · {error.en}")
        return UNUSABLE
    except psycopg2.Error:
        # The driver's text may repeat what was asked or the address.
        console.print("[red]✗[/] 数据库读取失败 · the database cannot be read")
        return UNUSABLE
    except OSError as error:
        console.print(f"[red]✗[/] 文件无法读写 · cannot read or write: {escape(str(error))}")
        return UNUSABLE


@contextmanager
def _evidence(database_url: str | None, folder: Path | None) -> Iterator[Evidence]:
    if folder is not None:
        yield FolderEvidence(folder)
        return
    if database_url is None:
        raise LogUnusable(
            zh="请给出数据库地址或导出目录", en="give a database address or an exported folder"
        )
    evidence = DatabaseEvidence.open(database_url)
    try:
        yield evidence
    finally:
        evidence.close()


def _connect(database_url: str) -> psycopg2.extensions.connection:
    try:
        return psycopg2.connect(database_url.replace("+psycopg2", "", 1))
    except psycopg2.Error:
        raise LogUnusable(zh="无法连接数据库", en="the database cannot be reached") from None


def _folder_key(console: Console, folder: Path | None) -> str:
    if folder is None:
        raise LogUnusable(zh="请给出日志公钥", en="give the log's public key (vkey)")
    key = _read_text(folder / VKEY_FILE).strip()
    console.print(
        "[yellow]![/] 公钥取自导出目录本身，请另行核对 · "
        f"the key came with the export, compare it with one you trust: {escape(key)}",
        soft_wrap=True,
    )
    return key


def _read_text(path: Path) -> str:
    with path.open("rb") as opened:
        content = opened.read(MAX_NOTE_BYTES + 1)
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise LogUnusable(zh="文件不是 UTF-8 文本", en="the file is not UTF-8 text") from None


@contextmanager
def _bar(console: Console, title: str) -> Iterator[Callable[[int, int], None]]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(title, total=None)

        def advance(done: int, total: int) -> None:
            # Once per block of 256 records; drawing is limited by rich itself.
            progress.update(task, completed=done, total=total)

        yield advance


def _print_report(console: Console, report: verifying.Report, compared: bool) -> None:
    for finding in report.findings:
        console.print(f"[red]✗[/] {_line(finding)}", soft_wrap=True)
    head = f"{report.size} 条 records · root {report.root.hex()}"
    if report.ok:
        console.print(f"[green]✓[/] 日志完好 · the log is whole · {head}", soft_wrap=True)
        if compared:
            console.print(
                "[green]✓[/] 与旧检查点一致 · it grew out of the older checkpoint", soft_wrap=True
            )
    else:
        console.print(
            f"[red]✗[/] 发现 {len(report.findings)} 项问题 · "
            f"{len(report.findings)} findings · {head}",
            soft_wrap=True,
        )


def _line(finding: Finding) -> str:
    return f"\\[{finding.code}] {finding.zh} · {finding.en}"
