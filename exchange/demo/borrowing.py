"""The embedded installation's database for one command, whether it is being served or not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from exchange import embedded
from exchange.demo.installation import Installation, in_environment
from exchange.errors import SettingsFault


@contextmanager
def embedded_environment(var: Path) -> Iterator[None]:
    """The installation's settings within the block; PostgreSQL is started only if it is down.

    Raises:
        SettingsFault: nothing was installed in this folder yet.
    """
    place = Installation(var.resolve())
    settings = place.environment()
    if not settings:
        raise SettingsFault((f"{var}: 尚无内置环境,请先运行 make demo / run `make demo` first",))
    found = embedded.is_running(place.postgres)
    server = embedded.start(place.postgres)
    try:
        with in_environment({**settings, "YICI_DATABASE_URL": server.url("yici_app")}):
            yield
    finally:
        if not found:
            embedded.stop(place.postgres)
