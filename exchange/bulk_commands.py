"""``yici bulk``: bulk work from the command line. Imports happen inside commands."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from exchange.telling import fail, told

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

    from exchange.access import Permitted
    from exchange.bulk.records import Job
    from exchange.hub import Hub

app = typer.Typer(help="Bulk work on certificates / 证照批量任务", no_args_is_help=True)
trust = typer.Typer(help="Issuers elsewhere that are trusted / 外部签发机构", no_args_is_help=True)
app.add_typer(trust, name="trust")

Id = Annotated[str, typer.Argument(help="the job's id", metavar="JOB")]
Department = Annotated[str, typer.Option(help="unified social credit code (GB 32100)")]
ACCOUNT = "command-line"
_STATES = {
    "waiting": "等待 waiting",
    "running": "执行中 running",
    "done": "完成 done",
    "stopped": "已停止 stopped",
    "failed": "失败 failed",
}
_COUNTS = {
    "issued": "新发",
    "revised": "变更",
    "unchanged": "未变",
    "refused": "拒收",
    "resigned": "重签",
    "ended": "终止",
    "exported": "导出",
    "imported": "导入",
    "flagged": "校验位不符",
}


@app.command("list")
@told
def list_jobs(
    department: Annotated[str | None, typer.Option(help="only this department's")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 20,
) -> None:
    """List jobs, the newest first / 列出批量任务."""
    from rich.table import Table

    from exchange.bulk import repository
    from exchange.bulk.records import KINDS

    with _hub() as hub, hub.work.read() as connection:
        jobs = repository.jobs_of(connection, department, limit=limit)
    table = Table(box=None, pad_edge=False)
    for title in (
        "任务 job",
        "部门 department",
        "种类 kind",
        "类型 type",
        "状态 state",
        "进度 rows",
    ):
        table.add_column(title, overflow="fold")
    for job in jobs:
        rows = f"{job.done:,}/{job.total:,}" if job.total is not None else f"{job.done:,}"
        zh, _ = KINDS[job.kind]
        table.add_row(
            str(job.id), job.department, f"{zh} {job.kind}", job.type_key or "—",
            _STATES[job.state], rows,
        )  # fmt: skip
    _console().print(table)


@app.command("start")
@told
def start_job(
    kind: Annotated[str, typer.Argument(help="issue, resign, end, export or import")],
    department: Department,
    type_key: Annotated[str | None, typer.Option("--type", help="certificate type's key")] = None,
    file: Annotated[
        Path | None, typer.Option(help="rows (issue, end) or credentials (import)", exists=True)
    ] = None,
    form: Annotated[
        str | None, typer.Option("--format", help="jsonl or csv; default: by the file's name")
    ] = None,
    state: Annotated[str | None, typer.Option(help="end: 03, 04 or 07 for rows without")] = None,
    key: Annotated[str | None, typer.Option(help="resign: kid of the key to replace")] = None,
    follow: Annotated[bool, typer.Option("--follow", help="show progress until it ends")] = False,
) -> int:
    """Start a job; a worker (`yici worker`) runs it / 发起批量任务."""
    from exchange.bulk.ending import STATES
    from exchange.bulk.records import ACTS
    from exchange.bulk.service import Wanted

    if kind not in ACTS:
        fail(f"没有该种任务 / no such kind of job: {kind} ({', '.join(ACTS)})")
    if state is not None and state not in STATES:
        fail(f"状态须为 / the state must be one of: {', '.join(STATES)}")
    if form is None and file is not None and kind in ("issue", "end"):
        form = "csv" if file.suffix.lower() == ".csv" else "jsonl"
    with _hub() as hub:
        permitted = _permitted(hub, department)
        sha256 = None
        if file is not None:
            with file.open("rb") as content:
                sha256 = hub.bulk.put_file(permitted, content).sha256
        job = hub.bulk.request(permitted, Wanted(kind, type_key, sha256, form, state, key))
        typer.echo(f"已发起 / started: {job.id}")
        return _follow(hub, permitted, job) if follow else 0


@app.command("show")
@told
def show_job(
    job: Id,
    follow: Annotated[bool, typer.Option("--follow", help="until it ends")] = False,
) -> int:
    """Show how far a job has come; 1 where it failed / 查看进度."""
    with _hub() as hub:
        found = _find(hub, job)
        permitted = _permitted(hub, found.department)
        if follow:
            return _follow(hub, permitted, found)
        _tell(_console(), found)
    return int(found.state == "failed")


@app.command("stop")
@told
def stop_job(job: Id) -> None:
    """Stop a job after the chunk under way / 停止批量任务."""
    with _hub() as hub:
        found = _find(hub, job)
        stopped = hub.bulk.stop(_permitted(hub, found.department), found.id)
        _tell(_console(), stopped)


@app.command("report")
@told
def write_report(
    job: Id,
    to: Annotated[Path | None, typer.Option(help="a file; default: standard output")] = None,
) -> None:
    """Write why rows were refused, as CSV / 拒收行报告."""
    from exchange.bulk.reports import csv_lines

    with _hub() as hub:
        found = _find(hub, job)
        refusals = hub.bulk.report(_permitted(hub, found.department), found.id)
        if to is None:
            for line in csv_lines(refusals):
                typer.echo(line, nl=False)
            return
        with to.open("w", encoding="utf-8", newline="") as file:
            file.writelines(csv_lines(refusals))


@app.command("download")
@told
def download_export(
    job: Id,
    folder: Annotated[Path, typer.Argument(help="a folder that does not exist yet")],
) -> None:
    """Write an export's files; `python -m certstore verify-export` checks them / 下载导出."""
    with _hub() as hub:
        found = _find(hub, job)
        permitted = _permitted(hub, found.department)
        if found.kind != "export" or found.state != "done":
            fail("只有完成的导出任务可以下载 / only an export that is done can be downloaded")
        if folder.exists():
            fail(f"目录已存在 / there is such a folder already: {folder}")
        folder.mkdir(parents=True)
        for part in hub.bulk.files(permitted, found.id):
            _, pieces = hub.bulk.file(permitted, found.id, part.name)
            with (folder / part.name).open("wb") as file:
                file.writelines(pieces)
            typer.echo(f"{part.name}  {part.size:,}")


@trust.command("add")
@told
def add_trust(
    document: Annotated[Path, typer.Argument(help="another hub's trust document", exists=True)],
    by: Annotated[str, typer.Option(help="who registers it")],
) -> None:
    """Trust the issuers of a trust document / 登记外部签发机构."""
    with _hub() as hub:
        for issuer in hub.foreign_issuers.register(document.read_bytes(), by=by):
            typer.echo(f"已登记 / trusted: {issuer}")


@trust.command("remove")
@told
def remove_trust(
    issuer: Annotated[str, typer.Argument(help="its iss")],
    by: Annotated[str, typer.Option(help="who withdraws it")],
) -> None:
    """Trust an issuer no more; what was imported stays / 不再信任."""
    with _hub() as hub:
        hub.foreign_issuers.withdraw(issuer, by=by)
    typer.echo(f"已撤回 / trusted no more: {issuer}")


@trust.command("list")
@told
def list_trust() -> None:
    """List the issuers elsewhere that are trusted / 列出外部签发机构."""
    with _hub() as hub:
        for issuer in hub.foreign_issuers.trusted().issuers.values():
            typer.echo(f"{issuer.id}  {issuer.department}  {issuer.name.get('zh', '—')}")


@contextmanager
def _hub() -> Iterator[Hub]:
    from exchange.hub import build_from_environment

    hub = build_from_environment()
    try:
        yield hub
    finally:
        hub.engine.dispose()


def _permitted(hub: Hub, department: str) -> Permitted:
    """An operator of the department, as whoever may use this command line is."""
    from exchange.access import Caller

    caller = Caller("operator", ACCOUNT, department, frozenset({"certificates"}))
    return hub.access.permit(caller, "read-certificate", resource_department=department)


def _find(hub: Hub, job: str) -> Job:
    from uuid import UUID

    from exchange.bulk import repository
    from exchange.errors import NotFound

    try:
        with hub.work.read() as connection:
            found = repository.find_job(connection, UUID(job))
    except ValueError:
        found = None
    if found is None:
        raise NotFound("没有该批量任务。", "There is no such bulk job.")
    return found


def _follow(hub: Hub, permitted: Permitted, job: Job) -> int:
    import time

    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
        TextColumn("{task.fields[pace]}"),
    )  # fmt: skip
    console = _console()
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(_STATES[job.state], total=job.total, pace="")
        while job.unfinished:
            _advance(progress, task, job)
            time.sleep(0.5)
            job = hub.bulk.get(permitted, job.id)
    _tell(console, job)
    return int(job.state == "failed")


def _advance(progress: Progress, task: object, job: Job) -> None:
    pace = ""
    if job.rate is not None and job.seconds_left is not None:
        pace = f"{job.rate:,.0f} 行/秒 rows/s · 还需 left {job.seconds_left:,.0f} s"
    progress.update(
        task,  # type: ignore[arg-type]
        description=_STATES[job.state],
        total=job.total,
        completed=job.done,
        pace=pace,
    )


def _tell(console: Console, job: Job) -> None:
    from exchange.bulk.records import KINDS

    zh, en = KINDS[job.kind]
    stopping = " · 正在停止 stopping" if job.unfinished and job.stop_requested_at else ""
    lines = [
        f"任务 job:     {job.id}",
        f"种类 kind:    {zh} · {en}",
        f"部门 for:     {job.department}  {job.type_key or ''}",
        f"状态 state:   {_STATES[job.state]}{stopping}",
        f"进度 rows:    {job.done:,} / {'?' if job.total is None else f'{job.total:,}'}",
    ]
    if job.rate is not None:
        lines.append(f"速度 pace:    {job.rate:,.0f} 行/秒 rows/s")
    if job.seconds_left is not None:
        lines.append(f"还需 left:    {job.seconds_left:,.0f} s")
    lines += [f"  {_COUNTS[name]} {name}: {count:,}" for name, count in job.counts.items()]
    if job.failure_code is not None:
        lines.append(f"原因 why:     {job.failure_zh} / {job.failure_en} ({job.failure_code})")
    for line in lines:
        console.print(line, markup=False, highlight=False)


def _console() -> Console:
    from rich.console import Console

    return Console()
