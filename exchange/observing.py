"""What operators see: structured logs without personal data, and metrics.

A log line names the route's template, never the path or the query, because those may hold
identifiers; it names the caller's system, never a person.
"""

from __future__ import annotations

import logging
import os
import sys
import time
from collections import Counter as Counted
from collections.abc import Iterable
from typing import Any, Final

import structlog
from prometheus_client import REGISTRY as ONE_PROCESS
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
    multiprocess,
)
from starlette.types import ASGIApp, Message, Receive, Scope, Send

REQUESTS: Final = Counter(
    "yici_requests_total", "Requests by route and status", ["method", "route", "status"]
)
SECONDS: Final = Histogram(
    "yici_request_seconds",
    "Seconds from request to answer",
    ["route"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
)
LOOKUPS: Final = Counter("yici_lookups_total", "Lookups by outcome", ["outcome"])
BATCH: Final = Histogram(
    "yici_lookups_per_commit",
    "Lookups that shared one commit",
    buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1000),
)
REVOCATION_LIST: Final = Gauge(
    "yici_revocation_list_seconds_left",
    "Until the root's revocation list ends; without a root 0",
    multiprocess_mode="mostrecent",
)
QUIET: Final = frozenset({"/healthz", "/readyz", "/metrics"})


def count_lookups(outcomes: Iterable[str]) -> None:
    """Count the lookups of one commit."""
    counted = Counted(outcomes)
    for outcome, count in counted.items():
        LOOKUPS.labels(outcome).inc(count)
    BATCH.observe(counted.total())


def configure_logging(level: str) -> None:
    """JSON lines on stderr, from our own code and from the libraries."""
    chain: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.JSONRenderer(),
    ]
    structlog.configure(
        processors=chain,
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level.upper())),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(
        level=logging.WARNING,
        stream=sys.stderr,
        format='{"level":"%(levelname)s","event":"%(name)s: %(message)s"}',
    )


def metrics() -> bytes:
    """The metrics of all server processes, in Prometheus' text format."""
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        registry = CollectorRegistry()
        multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry)
    return generate_latest(ONE_PROCESS)


class Observed:
    """Counts and logs every request of the application inside it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._log = structlog.get_logger()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        status = 500

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, watched)
        finally:
            route = getattr(scope.get("route"), "path", "unmatched")
            seconds = time.perf_counter() - started
            REQUESTS.labels(scope["method"], route, status).inc()
            SECONDS.labels(route).observe(seconds)
            if route not in QUIET:
                self._log.info(
                    "request", method=scope["method"], route=route, status=status,
                    ms=round(seconds * 1000, 1),
                )  # fmt: skip
