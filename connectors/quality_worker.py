"""The quality gate's child process: the only place where Great Expectations and pandas are loaded.

Run as ``python -m connectors.quality_worker MEMORY_LIMIT_BYTES``; speaks ``worker_protocol`` on
its standard input and output until its input ends. Values leave it masked.
"""

from __future__ import annotations

import contextlib
import io
import os
import resource
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from connectors.expectations import EXPECTATIONS
from connectors.masking import mask
from connectors.worker_protocol import Closed, receive, send


class CannotJudge(Exception):
    """Great Expectations raised while it judged the expectation at position ``expectation``."""

    def __init__(self, expectation: int) -> None:
        super().__init__(expectation)
        self.expectation = expectation


def main(arguments: list[str]) -> int:
    """Limit this process, load Great Expectations, answer requests until the input ends."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core file would hold personal data
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    limit = int(arguments[0])
    limit = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    requests, answers = _take_over_pipes()
    try:
        suite = _Suite()
    except MemoryError:
        send(answers, {"failure": "memory", "expectation": None})
        return 1
    while True:
        try:
            send(answers, _answer(suite, receive(requests)))
        except Closed:
            break
    # The caller removes this folder; if it was killed, nobody else would.
    with contextlib.suppress(OSError):
        Path.cwd().rmdir()
    return 0


def _take_over_pipes() -> tuple[BinaryIO, BinaryIO]:
    """Keep the pipes to ourselves: whatever a library prints goes nowhere."""
    requests = os.fdopen(os.dup(0), "rb")
    answers = os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nowhere, descriptor)
    sys.stdout = sys.stderr = io.StringIO()
    return requests, answers


def _answer(suite: _Suite, request: Any) -> dict[str, Any]:
    try:
        findings = list(suite.judge(request["expectations"], request["columns"]))
    except MemoryError:
        return {"failure": "memory", "expectation": None}
    except CannotJudge as failure:
        return {"failure": "expectation", "expectation": failure.expectation}
    except Exception as error:  # the text may hold values; its kind does not
        return {"failure": type(error).__name__, "expectation": None}
    return {"findings": findings}


class _Suite:
    """Great Expectations with an ephemeral context: no files, no telemetry, no progress bars."""

    def __init__(self) -> None:
        import great_expectations
        import pandas

        import connectors.check_digit_expectation  # noqa: F401  (registers its expectation)

        self._gx = great_expectations
        self._frame = pandas.DataFrame
        self._context = great_expectations.get_context(mode="ephemeral")
        self._context.enable_analytics(False)
        self._context.variables.progress_bars = {"globally": False}
        source = self._context.data_sources.add_pandas("register")
        asset = source.add_dataframe_asset("rows")
        self._batch = asset.add_batch_definition_whole_dataframe("all")

    def judge(
        self, expectations: list[dict[str, Any]], columns: dict[str, list[str | None]]
    ) -> Iterator[tuple[int, int | None, str | None]]:
        """Yield (expectation, row, masked value) for whatever does not hold, row None for all."""
        from great_expectations.expectations.expectation_configuration import (
            ExpectationConfiguration,
        )

        # dtype=object keeps text as text and None as None, whatever pandas would infer.
        frame = self._frame(columns, dtype=object)
        suite = self._gx.ExpectationSuite(name="gate")
        # Results come back in an order of their own, so each carries its position.
        suite.expectations = [
            ExpectationConfiguration(
                type=e["expect"], kwargs=e["kwargs"], meta={"position": position}
            ).to_domain_obj()
            for position, e in enumerate(expectations)
        ]
        outcome = self._batch.get_batch({"dataframe": frame}).validate(
            suite,
            # unexpected_list is cut at 200 even when COMPLETE; unexpected_index_list is not.
            result_format={"result_format": "COMPLETE", "return_unexpected_index_query": False},
        )
        if len(outcome.results) != len(expectations):
            raise RuntimeError("an expectation was left out")
        for result in outcome.results:
            yield from _findings(result, expectations, columns)


def _findings(
    result: Any, expectations: list[dict[str, Any]], columns: dict[str, list[str | None]]
) -> Iterator[tuple[int, int | None, str | None]]:
    position = result.expectation_config.meta["position"]
    expectation = expectations[position]
    if not EXPECTATIONS[expectation["expect"]].judges_rows:
        if "observed_value" not in result.result:
            raise CannotJudge(position)
        if not result.success:
            yield position, None, None
        return
    rows = result.result.get("unexpected_index_list")
    # An expectation that raised has no list. Success without judging is no success.
    if rows is None:
        raise CannotJudge(position)
    kwargs = expectation["kwargs"]
    name = kwargs.get("column") or kwargs.get("column_A") or kwargs["column_list"][0]
    for row in rows:
        yield position, int(row), mask(columns[name][row])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
