"""A token of SoftHSM2 (Debian's `softhsm2`) in a folder of its own."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

_MODULES = ("/usr/lib/softhsm/libsofthsm2.so", "/usr/lib64/pkcs11/libsofthsm2.so",
            "/usr/local/lib/softhsm/libsofthsm2.so")  # fmt: skip


@dataclass(frozen=True)
class Token:
    """One initialised token. SoftHSM reads SOFTHSM2_CONF once in a process: so one a run."""

    module: Path
    folder: Path
    label: str
    pin: str


def make_token(folder: Path) -> Token:
    """Initialise a token; skips, or in CI fails, where SoftHSM2 is not installed."""
    module = next((Path(each) for each in _MODULES if Path(each).exists()), None)
    tool = shutil.which("softhsm2-util")
    if module is None or tool is None:
        message = "SoftHSM2 is not installed here (Debian: softhsm2)"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    tokens = folder / "tokens"
    tokens.mkdir(parents=True)
    configuration = folder / "softhsm2.conf"
    configuration.write_text(f"directories.tokendir = {tokens}\nlog.level = ERROR\n")
    os.environ["SOFTHSM2_CONF"] = str(configuration)
    pin = secrets.token_hex(8)
    subprocess.run(
        [tool, "--init-token", "--free", "--label", "yici", "--so-pin", secrets.token_hex(8),
         "--pin", pin],
        check=True, capture_output=True,
    )  # fmt: skip
    return Token(module, tokens, "yici", pin)
