"""What the stage needs before it stands: PostgreSQL, the schema, keys, and the cast registered."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from exchange import embedded, migrating
from exchange.demo import cast
from exchange.demo.installation import Installation
from exchange.demo.progress import Teller

if TYPE_CHECKING:
    from exchange.hub import Hub


def start_postgres(place: Installation, tell: Teller) -> embedded.EmbeddedPostgres:
    """Start the embedded PostgreSQL, and say whether it was new, found running, or recovered."""
    data = place.postgres / "data"
    existed = (data / "PG_VERSION").exists()
    before = _first_line(data / "postmaster.pid")
    with tell.waiting("启动 PostgreSQL", "starting PostgreSQL"):
        server = embedded.start(place.postgres)
    after = _first_line(data / "postmaster.pid")
    where = f"127.0.0.1:{server.port}"
    if before and before == after:
        tell.told(
            f"PostgreSQL 已在运行（{where}），继续使用",
            f"found PostgreSQL running at {where} and went on with it",
        )
    elif before:
        tell.told(
            f"PostgreSQL 上次被强行终止，已从日志恢复（{where}）",
            f"PostgreSQL had been killed; it recovered from its log ({where})",
        )
    elif existed:
        tell.done(f"PostgreSQL 已启动（{where}）", f"PostgreSQL started at {where}")
    else:
        tell.done(f"新建 PostgreSQL 数据库（{where}）", f"a new PostgreSQL database at {where}")
    return server


def migrate(server: embedded.EmbeddedPostgres, tell: Teller) -> None:
    """Bring the database to the newest schema."""
    with tell.waiting("迁移数据库", "migrating the database"):
        migrating.migrate(server.url("yici_owner"))
    revision = migrating.heads()[0]
    tell.done(f"数据库结构 {revision}", f"the database is at {revision}")


def prepare(
    place: Installation, environment: Mapping[str, str], get_hub: Callable[[], Hub], tell: Teller
) -> None:
    """Keys, then the hub's own records: rules, departments, systems, items."""
    from exchange.departments.records import System
    from exchange.governance.service import operator
    from exchange.hub import prepare_keys
    from exchange.items.definitions import load_definitions
    from exchange.keys import make_keys
    from policies.engine import PolicyEngine

    with tell.waiting("准备密钥、规则与部门", "preparing keys, rules and departments"):
        made = make_keys(
            place.var / "keys",
            environment["YICI_KEYS_PASSPHRASE"],
            [department.code for department in cast.ISSUERS],
        )
        hub = get_hub()
        hub.publishing.publish_policy(PolicyEngine.from_directory().text, by="demo")
        hub.publishing.publish_samples(by="demo")
        for department in cast.DEPARTMENTS:
            hub.publishing.register_department(department)
        prepare_keys(hub, by="demo")
        for system in cast.SYSTEMS:
            keys = {"keys": [place.credentials(system).public_jwk()]}
            hub.publishing.register_system(
                System(
                    system.client_id, system.department.code, system.name, keys,
                    system.scopes, None,
                )
            )  # fmt: skip
        permitted = hub.access.permit(operator("demo"), "publish-item")
        items = load_definitions()
        for definition in items:
            hub.items.publish(permitted, definition)
    keys_zh = f"新建密钥 {len(made)} 个" if made else "密钥已有"
    keys_en = f"{len(made)} keys made" if made else "keys found"
    tell.done(
        f"{keys_zh}；{len(cast.DEPARTMENTS)} 个部门、{len(cast.SYSTEMS)} 个系统、"
        f"{len(items)} 个事项已登记",
        f"{keys_en}; {len(cast.DEPARTMENTS)} departments, {len(cast.SYSTEMS)} systems "
        f"and {len(items)} service items are registered",
    )


def _first_line(path: Path) -> str:
    try:
        return path.read_text().partition("\n")[0]
    except OSError:
        return ""
