"""``yici audit …``: proving, exporting and searching the log. Imports happen inside commands."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from exchange.telling import told

app = typer.Typer(help="Prove and search the log / 验证与检索日志", no_args_is_help=True)

Var = Annotated[Path, typer.Option("--var", help="folder of the embedded installation")]
Embedded = Annotated[
    bool, typer.Option("--embedded", help="of the embedded installation, started if need be")
]
VAR = Path("var")


@app.command("verify")
@told
def verify_log(
    file: Annotated[
        Path | None, typer.Argument(help="a file written by `prove`; without it the whole log")
    ] = None,
    folder: Annotated[
        Path | None, typer.Option(help="an exported log, verified without any database")
    ] = None,
    against: Annotated[
        Path | None, typer.Option(help="an older signed checkpoint that must be consistent")
    ] = None,
    vkey: Annotated[str | None, typer.Option(help="the log's public key")] = None,
    policy: Annotated[
        Path | None, typer.Option(help="who must have cosigned the proof (C2SP tlog-policy)")
    ] = None,
    embedded: Embedded = False,
    var: Var = VAR,
) -> int:
    """Prove the whole log, or one file of proof / 验证整个日志，或一个证明文件."""
    from rich.console import Console

    from exchange.audit import commands

    if folder is not None:
        return commands.verify(Console(), folder=folder, vkey=vkey, against=against)
    if file is not None and vkey is not None:
        return commands.verify_file(Console(), file, vkey=vkey, policy=policy)
    with _log_of(embedded, var) as (url, own_key):
        if file is not None:
            return commands.verify_file(Console(), file, vkey=own_key, policy=policy)
        return commands.verify(Console(), database_url=url, vkey=vkey or own_key, against=against)


@app.command("export")
@told
def export_log(
    folder: Annotated[Path, typer.Argument(help="a folder that does not exist yet")],
    embedded: Embedded = False,
    var: Var = VAR,
) -> int:
    """Write the log so that it verifies without the database / 导出日志."""
    from rich.console import Console

    from exchange.audit import commands

    with _log_of(embedded, var) as (url, key):
        return commands.export(Console(), folder, database_url=url, vkey=key)


@app.command("prove")
@told
def prove_record(
    lookup: Annotated[str, typer.Argument(help="a lookup's id, or a record's index")],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="write the proof to this file")
    ] = None,
    evidence: Annotated[
        Path | None, typer.Option(help="the signed answer, as the SDK keeps it, to carry along")
    ] = None,
    embedded: Embedded = False,
    var: Var = VAR,
) -> int:
    """Prove one record to a third party, as one file / 向第三方证明一条记录."""
    from rich.console import Console

    from exchange.audit import commands

    with _log_of(embedded, var) as (url, key):
        return commands.prove(
            Console(), lookup, database_url=url, vkey=key, output=output, evidence=evidence
        )


@app.command("search")
@told
def search_log(
    kind: Annotated[str | None, typer.Option(help="kind of record")] = None,
    department: Annotated[str | None, typer.Option(help="who: the department's code")] = None,
    system: Annotated[str | None, typer.Option(help="who: the system")] = None,
    operator: Annotated[str | None, typer.Option(help="who: the operator's account")] = None,
    case: Annotated[str | None, typer.Option(help="case number")] = None,
    item: Annotated[str | None, typer.Option(help="service item")] = None,
    holder_id_type: Annotated[
        str | None, typer.Option(help="of whom: the id type; the id is then asked for")
    ] = None,
    since: Annotated[datetime | None, typer.Option(help="from this time on, UTC")] = None,
    until: Annotated[datetime | None, typer.Option(help="before this time, UTC")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 100,
    embedded: Embedded = False,
    var: Var = VAR,
) -> None:
    """Find records, the newest first; the search itself is logged / 检索日志.

    A holder's id is read from standard input or a prompt, never from the command line.
    """
    import json

    from exchange.access import Caller
    from exchange.audit.search import Question
    from exchange.demo.borrowing import embedded_environment
    from exchange.hub import build_from_environment

    holder = None
    if holder_id_type is not None:
        holder = (holder_id_type, typer.prompt("持有人证件号 / holder id", hide_input=True))
    asked = Question(
        kind=kind, department=department, system=system, operator=operator, case=case, item=item,
        holder=holder, since=_aware(since), until=_aware(until), limit=limit,
    )  # fmt: skip
    with embedded_environment(var) if embedded else nullcontext():
        hub = build_from_environment()
        auditor = Caller("operator", "command-line", None, frozenset({"audit"}))
        permitted = hub.access.permit(auditor, "read-audit")
        for entry in hub.audit.search(permitted, asked):
            line = {"index": entry.index, **entry.record}
            typer.echo(json.dumps(line, ensure_ascii=False))
        hub.engine.dispose()


@app.command("keys")
@told
def show_keys(embedded: Embedded = False, var: Var = VAR) -> None:
    """Show the public keys of the log and of this hub as a witness / 显示日志与见证公钥."""
    from exchange.demo.borrowing import embedded_environment
    from exchange.keys import load_witness_key
    from exchange.settings import load_settings

    with _log_of(embedded, var) as (_, key):
        typer.echo(f"log     {key}")
    with embedded_environment(var) if embedded else nullcontext():
        settings = load_settings()
        passphrase = settings.keys_passphrase.get_secret_value()
        witness = load_witness_key(settings.keys_dir, passphrase, settings.log_origin)
        typer.echo(f"witness {witness.cosigner.vkey}")


def _aware(at: datetime | None) -> datetime | None:
    return at.replace(tzinfo=UTC) if at is not None else None


@contextmanager
def _log_of(embedded: bool, var: Path) -> Iterator[tuple[str, str]]:
    """Address of the log's database and the log's public key."""
    from exchange.demo.borrowing import embedded_environment
    from exchange.keys import load_log_key
    from exchange.settings import load_settings

    with embedded_environment(var) if embedded else nullcontext():
        settings = load_settings()
        log_key = load_log_key(
            settings.keys_dir, settings.keys_passphrase.get_secret_value(), settings.log_origin
        )
        yield settings.database_url.get_secret_value(), log_key.verifier.vkey
