"""``yici``: the command line. Imports happen inside commands, so that each starts quickly."""

from __future__ import annotations

import os
import tempfile
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import typer

from exchange.audit_commands import app as audit
from exchange.bulk_commands import app as bulk
from exchange.key_commands import app as keys
from exchange.telling import fail, told
from exchange.type_commands import app as types

app = typer.Typer(
    name="yici",
    help="一次: data-exchange hub and electronic-certificate library / 政务数据交换与电子证照库",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
system = typer.Typer(help="Departments' systems / 部门应用系统", no_args_is_help=True)
policy = typer.Typer(help="Policy sets / 规则集", no_args_is_help=True)
app.add_typer(audit, name="audit")
app.add_typer(system, name="system")
app.add_typer(policy, name="policy")
app.add_typer(bulk, name="bulk")
app.add_typer(types, name="type")
app.add_typer(keys, name="key")

Var = Annotated[Path, typer.Option("--var", help="folder of the embedded installation")]
VAR = Path("var")
Embedded = Annotated[
    bool, typer.Option("--embedded", help="of the embedded installation, started if need be")
]


def main() -> None:
    """Run the command line."""
    app()


@app.command()
@told
def demo(
    registers: Annotated[
        Path | None, typer.Option(help="folder with the three registers; default: generated ones")
    ] = None,
    var: Var = VAR,
) -> int:
    """Play the whole story on embedded parts / 在内置环境中演示全过程."""
    from exchange.demo.story import play

    return play(var, registers)


@app.command()
@told
def serve(
    host: Annotated[str, typer.Option()] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535)] = 8000,
    processes: Annotated[int, typer.Option(min=1, max=64)] = 1,
    embedded: Annotated[
        bool, typer.Option("--embedded", help="serve the embedded installation until stopped")
    ] = False,
    var: Var = VAR,
) -> int | None:
    """Serve the interface over HTTP / 启动服务."""
    if embedded:
        from exchange.demo.stage import serve_embedded

        return serve_embedded(var)
    import uvicorn

    from exchange.hub import check_before_serving

    check_before_serving()
    with tempfile.TemporaryDirectory(prefix="yici-metrics-") as metrics:
        if processes > 1:  # the processes add their metrics up there
            os.environ.setdefault("PROMETHEUS_MULTIPROC_DIR", metrics)
        uvicorn.run(
            "exchange.app:from_environment",
            factory=True,
            host=host,
            port=port,
            workers=processes,
            loop="uvloop",
            http="httptools",
            access_log=False,
            log_level="warning",
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=20,
        )
    return None


@app.command()
@told
def worker() -> None:
    """Run background jobs until stopped / 运行后台任务."""
    from exchange.hub import check_before_serving
    from exchange.jobs import run_worker
    from exchange.observing import configure_logging
    from exchange.settings import load_settings

    check_before_serving()
    settings = load_settings()
    configure_logging(settings.log_level)
    run_worker(settings)


@app.command()
@told
def migrate() -> None:
    """Bring the database to the newest schema (owner's role) / 迁移数据库."""
    from exchange import migrating
    from exchange.errors import SettingsFault
    from exchange.settings import load_settings

    url = load_settings().owner_database_url
    if url is None:
        raise SettingsFault(("YICI_OWNER_DATABASE_URL: needed to migrate",))
    migrating.migrate(url.get_secret_value())
    typer.echo(f"数据库结构为 {migrating.heads()[0]} / database at {migrating.heads()[0]}")


@app.command()
@told
def setup() -> None:
    """Make missing keys, publish the packaged rules, register departments / 初始化."""
    from connectors.definitions import load_definitions
    from exchange.departments.records import Department
    from exchange.hub import build_from_environment, prepare_keys
    from exchange.keys import make_keys
    from exchange.settings import load_settings
    from policies.engine import PolicyEngine

    settings = load_settings()
    definitions = load_definitions().values()
    made = make_keys(
        settings.keys_dir,
        settings.keys_passphrase.get_secret_value(),
        [definition.department for definition in definitions],
    )
    typer.echo(f"新密钥 / keys made: {', '.join(made) or '—'}")
    hub = build_from_environment()
    for definition in definitions:
        hub.publishing.register_department(
            Department(definition.department, definition.name.zh, definition.name.en)
        )
    types = hub.publishing.publish_samples(by="setup")
    typer.echo(f"新发布证照类型 / certificate types published: {', '.join(types) or '—'}")
    hub.objects.prepare()
    typer.echo("对象存储已就绪 / object store: ready")
    version = hub.publishing.publish_policy(PolicyEngine.from_directory().text, by="setup")
    typer.echo(f"规则集 / policy set: {version}")
    certified = prepare_keys(hub, by="setup")
    typer.echo(f"根证书新认证的密钥 / keys certified by the root: {len(certified)}")


@app.command()
@told
def stop(
    embedded: Annotated[bool, typer.Option("--embedded")] = True,
    var: Var = VAR,
) -> None:
    """Stop the embedded installation / 停止内置环境."""
    from exchange.demo.stage import stop_embedded

    stop_embedded(var)


@app.command("check-store")
@told
def check_store(
    repair: Annotated[
        bool, typer.Option("--repair", help="restore, lock and discard what can be")
    ] = False,
    sample: Annotated[
        int, typer.Option(min=1, help="read one object in N; over N days every one")
    ] = 1,
    other: Annotated[
        Path | None, typer.Option("--from", help="folder of objects to take whole copies from")
    ] = None,
    grace: Annotated[int, typer.Option(min=2, help="hours until what no row names is litter")] = 24,
    state: Annotated[
        Path | None, typer.Option(help="file that notes how far it came, and leads on from there")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="a JSON object a line")] = False,
    embedded: Embedded = False,
    var: Var = VAR,
) -> int:
    """Compare rows with objects: 0 clean, 1 findings, 2 could not run / 核对登记与对象."""
    from datetime import timedelta

    from rich.console import Console

    from certstore.objects import FolderStore
    from exchange.demo.borrowing import embedded_environment
    from exchange.hub import build_from_environment
    from exchange.stores import commands
    from exchange.stores.checking import Options

    if other is not None and not other.is_dir():
        fail(f"没有该目录 / there is no such folder: {other}")
    if state is not None and not state.parent.is_dir():
        fail(f"没有该目录 / there is no such folder: {state.parent}")
    options = Options(
        repair=repair,
        one_in=sample,
        grace=timedelta(hours=grace),
        other=None if other is None else FolderStore(other, reading=True),
    )
    with embedded_environment(var) if embedded else nullcontext():
        check = build_from_environment().store_check
        return commands.check_store(Console(), check, options, state=state, as_json=as_json)


@app.command("department")
@told
def register_department(
    code: Annotated[str, typer.Argument(help="unified social credit code (GB 32100)")],
    zh: Annotated[str, typer.Option(help="name in Chinese")],
    en: Annotated[str, typer.Option(help="name in English")],
    issuer: Annotated[bool, typer.Option("--issuer", help="also make its signing key")] = False,
) -> None:
    """Register a department, or rename it / 登记部门."""
    from exchange.departments.records import Department
    from exchange.hub import build_from_environment, prepare_keys
    from exchange.keys import make_keys

    hub = build_from_environment()
    hub.publishing.register_department(Department(code, zh, en))
    if issuer and not hub.keys.current().of(code):
        settings = hub.settings
        make_keys(settings.keys_dir, settings.keys_passphrase.get_secret_value(), [code])
        prepare_keys(hub, by="command-line")
    typer.echo(f"已登记 / registered: {code}")


@app.command("item")
@told
def publish_item(
    definition: Annotated[Path, typer.Argument(help="a service item's definition (TOML)")],
) -> None:
    """Publish a service item's next version / 发布事项."""
    from exchange.governance.service import operator
    from exchange.hub import build_from_environment
    from exchange.items.definitions import read_definition

    hub = build_from_environment()
    permitted = hub.access.permit(operator("command-line"), "publish-item")
    item = hub.items.publish(permitted, read_definition(definition))
    typer.echo(f"已发布 / published: {item.code} v{item.version}")


@app.command("applicant")
@told
def add_applicant(
    account: str,
    id_type: Annotated[str, typer.Option(help="holder id type, such as 001")],
    holder_id: Annotated[str, typer.Option(prompt=True, hide_input=True)],
    name: Annotated[str, typer.Option(prompt=True)],
    password: Annotated[str, typer.Option(prompt=True, hide_input=True, confirmation_prompt=True)],
) -> None:
    """Make an account of the built-in sign-in, or give it a new password / 建立申请人账号."""
    from exchange.hub import build_from_environment

    build_from_environment().tokens.register_applicant(
        account, password, id_type=id_type, holder_id=holder_id, name=name
    )
    typer.echo(f"已登记 / registered: {account}")


@policy.command("publish")
@told
def publish_policy(
    rules: Annotated[Path, typer.Argument(help="a folder of .cedar files, or one file")],
    by: Annotated[str, typer.Option(help="who publishes")],
) -> None:
    """Publish a policy set; it counts from the next decision on / 发布规则集."""
    from exchange.hub import build_from_environment

    files = sorted(rules.glob("*.cedar")) if rules.is_dir() else [rules]
    text = "\n".join(path.read_text(encoding="utf-8") for path in files)
    version = build_from_environment().publishing.publish_policy(text, by=by)
    typer.echo(f"规则集 / policy set: {version}")


@system.command("add")
@told
def add_system(
    client_id: str,
    department: Annotated[str, typer.Option(help="unified social credit code")],
    name: Annotated[str, typer.Option()],
    jwks: Annotated[Path, typer.Option(help="file with the public keys (RFC 7517)")],
    scope: Annotated[list[str], typer.Option(help="repeat for several")],
) -> None:
    """Register a system, or replace its keys and scopes / 登记应用系统."""
    import json

    from exchange.departments.records import System
    from exchange.hub import build_from_environment

    build_from_environment().publishing.register_system(
        System(client_id, department, name, json.loads(jwks.read_text()), frozenset(scope), None)
    )
    typer.echo(f"已登记 / registered: {client_id}")


@system.command("disable")
@told
def disable_system(client_id: str) -> None:
    """Disable a system at once / 停用应用系统."""
    from exchange.hub import build_from_environment

    build_from_environment().publishing.disable_system(client_id)
    typer.echo(f"已停用 / disabled: {client_id}")
