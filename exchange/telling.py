"""How commands say what is wrong: a line for each fault, without a trace, and exit code 2."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import NoReturn, ParamSpec

import typer

P = ParamSpec("P")


def told(command: Callable[P, int | None]) -> Callable[P, None]:
    """Say what is wrong in a line each, without a trace, and exit with 2."""

    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        from certstore.errors import CertstoreError
        from connectors.errors import ConnectorError
        from exchange.embedded import EmbeddedFault
        from exchange.errors import HubError, SettingsFault

        try:
            code = command(*args, **kwargs)
        except SettingsFault as fault:
            fail("设置有误 / settings:", *fault.lines)
        except EmbeddedFault as fault:
            fail(str(fault))
        except (HubError, CertstoreError, ConnectorError) as fault:
            faults = getattr(fault, "faults", ())
            fail(f"{fault.zh} / {fault.en}", *(f"{f.field}: {f.zh} / {f.en}" for f in faults))
        else:
            raise typer.Exit(code or 0)

    return run


def fail(*lines: str) -> NoReturn:
    """Print lines to stderr and exit with 2."""
    for line in lines:
        typer.echo(line, err=True)
    raise typer.Exit(2)
