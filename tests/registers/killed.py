"""A worker that dies in the middle of a pull, by `os._exit`. Run by test_pulling.

Reads the hub's settings from the environment; arguments: the pull, and after how many chunks.
"""

from __future__ import annotations

import os
import sys
from typing import Any
from uuid import UUID

from connectors import WorkerGate
from exchange.certificates import issuing
from exchange.clock import SystemClock
from exchange.hub import build_hub
from exchange.jobs import pulling_of
from exchange.settings import load_settings

DEAD = 7


def main() -> None:
    chunks = int(sys.argv[2])
    issuing.CHUNK = 25  # type: ignore[misc]
    hub = build_hub(load_settings(), SystemClock())
    with WorkerGate() as gate:
        pulling = pulling_of(hub, gate)
        progress, seen = pulling._progress, 0

        def progress_and_die(*told: Any) -> None:
            nonlocal seen
            progress(*told)
            seen += 1
            if seen == chunks:
                os._exit(DEAD)

        pulling._progress = progress_and_die  # type: ignore[method-assign, assignment]
        pulling.run(UUID(sys.argv[1]))


if __name__ == "__main__":
    main()
