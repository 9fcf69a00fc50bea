"""The environment that gives another process the settings of a test's hub."""

from __future__ import annotations

import os

from pydantic import SecretStr

from exchange.settings import Settings


def environment(settings: Settings) -> dict[str, str]:
    """Every setting as its variable, beside what this process was given."""
    given = {
        f"YICI_{name.upper()}": str(
            value.get_secret_value() if isinstance(value, SecretStr) else value
        )
        for name in type(settings).model_fields
        if (value := getattr(settings, name)) is not None
    }
    return {**os.environ, **given}
