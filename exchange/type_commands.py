"""``yici type``: publish, check, list and show certificate types."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from exchange.telling import fail, told

if TYPE_CHECKING:
    from certstore.compatibility import Change
    from exchange.governance.types import Proposal

app = typer.Typer(help="Certificate types / 证照类型", no_args_is_help=True)

SOUND, OBSTACLES = 0, 1


class Form(StrEnum):
    """What of a type is shown."""

    definition = "definition"
    schema = "schema"
    metadata = "metadata"


@app.command("publish")
@told
def publish_types(
    files: Annotated[list[Path], typer.Argument(help="definitions (TOML), in this order")],
    by: Annotated[str, typer.Option(help="who publishes")],
) -> None:
    """Publish next versions; they count from the next certificate on / 发布证照类型."""
    from exchange.governance.service import operator
    from exchange.hub import build_from_environment

    texts = [_text(path) for path in files]
    hub = build_from_environment()
    permitted = hub.access.permit(operator(by), "publish-type")
    for text in texts:
        proposal, published = hub.certificate_types.publish(permitted, text)
        said = "已发布 / published" if published else "已有，未变 / there already"
        typer.echo(f"{said}: {proposal.kind.key} v{proposal.kind.version} sha256:{proposal.digest}")
        _tell_changes(proposal.changes)


@app.command("check")
@told
def check_type(
    file: Annotated[Path, typer.Argument(help="a definition (TOML)")],
    against: Annotated[
        Path | None, typer.Option(help="the version before, as a file: no hub is asked then")
    ] = None,
) -> int:
    """What publishing would change, and what is in its way (exit code 1) / 检查证照类型."""
    text = _text(file)
    if against is None:
        from exchange.hub import build_from_environment

        proposal = build_from_environment().publishing.check_type(text)
    else:
        proposal = _compared(text, _text(against))
    _tell_changes(proposal.changes)
    for obstacle in proposal.obstacles:
        typer.echo(f"{obstacle.field}: {obstacle.zh} / {obstacle.en}", err=True)
    if proposal.obstacles:
        return OBSTACLES
    said = "可以发布 / may be published" if proposal.new else "已有，未变 / there already"
    typer.echo(f"{said}: {proposal.kind.key} v{proposal.kind.version} sha256:{proposal.digest}")
    return SOUND


@app.command("list")
@told
def list_types() -> None:
    """The newest version of every certificate type / 列出."""
    from exchange.hub import build_from_environment

    for each in build_from_environment().certificate_types.all():
        kind = each.kind
        typer.echo(f"{kind.key} v{kind.version} {kind.code} {kind.title.zh} / {kind.title.en}")


@app.command("show")
@told
def show_type(
    key: str,
    version: Annotated[int | None, typer.Option(min=1, help="default: the newest")] = None,
    form: Annotated[Form, typer.Option("--as", help="what to show")] = Form.definition,
) -> None:
    """A certificate type's definition, JSON Schema or SD-JWT VC Type Metadata / 查看."""
    import json

    from exchange.hub import build_from_environment

    published = build_from_environment().certificate_types.get(key, version).published
    if form is Form.definition:
        typer.echo(published.definition, nl=False)
    elif form is Form.schema:
        typer.echo(json.dumps(published.kind.json_schema(), ensure_ascii=False, indent=2))
    else:
        # Not laid out: `vct#integrity` is over these very bytes.
        typer.echo(published.metadata, nl=False)


def _compared(text: str, before: str) -> Proposal:
    """The proposal as a hub would judge it that knows nothing but the version before."""
    from datetime import UTC, datetime

    from certstore.types import digest_of, read_type
    from exchange.governance.types import PublishedType, propose

    kind = read_type(before.encode(), where="--against")
    unpublished = datetime.fromtimestamp(0, UTC)
    known = PublishedType(kind, digest_of(before), before, "", (), unpublished)
    return propose(text, {(kind.key, kind.version): known})


def _tell_changes(changes: tuple[Change, ...]) -> None:
    words = {"breaking": "不兼容 breaking", "compatible": "兼容 compatible"}
    for change in changes:
        typer.echo(f"  {words[change.kind]} · {change.field}: {change.zh} / {change.en}")


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        fail(f"{path.name}: 无法读取 / cannot be read")
        raise
