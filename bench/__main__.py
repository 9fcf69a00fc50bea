"""``make bench``: each figure as one JSON line, as a ratio to a baseline of the same run.

``--quick`` takes a fifth of the time; ``--million`` issues a million certificates by a bulk job
where it otherwise is a hundred thousand. Exit code 0 whatever the figures are: machines are noisy,
and a figure under its aim is shown, not hidden (``"met": false``).
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from bench import baselines, certificates
from bench.installation import Installation


def say(name: str, **figures: Any) -> None:
    """Print one line."""
    print(json.dumps({"bench": name, **figures}), flush=True)


def ratio(name: str, value: float, baseline: float, aim: float, **more: Any) -> None:
    """Print one figure as a ratio to its baseline, beside what is aimed at."""
    found = value / baseline
    say(
        name, rate=round(value, 1), baseline=round(baseline, 1), ratio=round(found, 3), aim=aim,
        met=found >= aim, **more,
    )  # fmt: skip


def main() -> None:
    """Take all figures."""
    seconds = 2 if "--quick" in sys.argv else 10
    sign, verify = baselines.raw_es256(seconds / 5)
    say("raw-es256", sign=round(sign), verify=round(verify))
    with (
        tempfile.TemporaryDirectory(prefix="yici-bench-") as folder,
        Installation(Path(folder)) as installation,
    ):
        measure(installation, seconds, sign)
    many(seconds, sign)


def many(seconds: int, sign: float) -> None:
    """What is measured with many certificates, in an installation of its own."""
    count = certificates.DEFAULT if seconds >= 10 else certificates.DEFAULT // 3
    if "--million" in sys.argv:
        count = certificates.MILLION
    with (
        tempfile.TemporaryDirectory(prefix="yici-bench-") as folder,
        Installation(Path(folder)) as installation,
    ):
        certificates.measure(installation, say, sign, seconds / 2, count)


def measure(installation: Installation, seconds: int, sign: float) -> None:
    """Everything that needs an installation."""
    issued = installation.issue(20_000 if seconds < 10 else 50_000)
    ratio("issue", issued, sign, 0.25, unit="certificates/s")
    verified, verify = installation.verify_offline(seconds / 2)
    ratio("offline-verify", verified, verify, 0.6, unit="credentials/s")
    baselines.prepare(installation.postgres)
    before = baselines.pgbench(installation.postgres, seconds)
    prepared = baselines.pgbench(installation.postgres, seconds, protocol="prepared")
    say("pgbench", simple=round(before), prepared=round(prepared), clients=8)
    singles, batches = {}, {}
    with installation.serving(processes=2) as port:
        for connections in (1, 16, 64):
            singles[connections] = installation.load(port, connections, seconds, batch=1)
        batches = installation.load(port, 8, seconds, batch=500)
    # Once more: machines drift, and the baseline is what stood around the measurement.
    after = baselines.pgbench(installation.postgres, seconds)
    baseline = (before + after) / 2
    for connections, figures in singles.items():
        aim = 0.45 if connections == 64 else 0.0
        ratio("lookups", figures.pop("rate"), baseline, aim, **figures)
    batches["unit"] = "lookups/s"
    ratio("batch-lookups", batches.pop("rate") * 500, baseline, 1.0, **batches)
    naive = baselines.naive(installation.postgres, seconds)
    say(
        "naive", rate=round(naive), ratio_to_pgbench=round(naive / baseline, 3),
        note="one transaction per lookup, row-locked hash chain, without HTTP",
    )  # fmt: skip


if __name__ == "__main__":
    main()
