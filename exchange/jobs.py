"""The worker: runs what was put into the queue, and takes up what a killed worker left behind."""

from __future__ import annotations

import asyncio
import os
from uuid import UUID

import procrastinate
import structlog

from connectors import WorkerGate
from exchange.audit.witnessing import Submitter
from exchange.clock import SystemClock
from exchange.database import database_failures
from exchange.hub import Hub, build_hub
from exchange.queue import QUEUE, SCHEMA
from exchange.registers.pulling import Pulling
from exchange.settings import Settings

log = structlog.get_logger()
GRACE_SECONDS = 30


def run_worker(settings: Settings) -> None:
    """Run jobs until SIGTERM or SIGINT; a job under way may finish within the grace time."""
    hub = build_hub(settings, SystemClock())
    with WorkerGate() as gate, database_failures():
        gate.warm()
        try:
            asyncio.run(_work(settings, pulling_of(hub, gate), submitter_of(hub)))
        finally:
            hub.engine.dispose()


def submitter_of(hub: Hub) -> Submitter | None:
    """What has the log cosigned, where a policy names witnesses."""
    return hub.witnessing.submitter(hub.work) if hub.witnessing.policy.witnesses else None


def pulling_of(hub: Hub, gate: WorkerGate) -> Pulling:
    """What runs the pulls of a hub."""
    settings = hub.settings
    return Pulling(
        hub.engine,
        hub.work,
        hub.certificates,
        lambda: hub.access.snapshot().types,
        hub.registers.definitions,
        gate,
        root=settings.registers_dir,
        keys_dir=settings.keys_dir,
        passphrase=settings.keys_passphrase.get_secret_value().encode(),
        workers=os.cpu_count() or 1,
    )


def make_app(
    settings: Settings, pulling: Pulling, submitter: Submitter | None = None
) -> procrastinate.App:
    """The queue's application with its tasks."""
    url = settings.database_url.get_secret_value().replace("+psycopg2", "", 1)
    app = procrastinate.App(
        connector=procrastinate.PsycopgConnector(
            conninfo=url, kwargs={"options": f"-c search_path={SCHEMA}"}, min_size=1, max_size=4
        )
    )

    if submitter is not None:
        # Often, because it does nothing while the log stands still and was cosigned lately.
        @app.periodic(cron="* * * * *")
        @app.task(name="have_log_cosigned", queue=QUEUE, queueing_lock="have_log_cosigned")
        def have_log_cosigned(timestamp: int) -> None:
            submitter.run()

    @app.task(name="pull_register", queue=QUEUE)
    def pull_register(pull: str) -> None:
        pulling.run(UUID(pull))

    # A worker that was killed leaves its pull running: whoever is alive takes it up.
    @app.periodic(cron="* * * * *")
    @app.task(name="take_up_pulls", queue=QUEUE, queueing_lock="take_up_pulls", pass_context=False)
    def take_up_pulls(timestamp: int) -> None:
        for pull in pulling.unfinished():
            pulling.run(pull)

    return app


async def _work(settings: Settings, pulling: Pulling, submitter: Submitter | None) -> None:
    app = make_app(settings, pulling, submitter)
    async with app.open_async():
        left = await asyncio.to_thread(pulling.unfinished)
        if left:
            log.info("pulls taken up", count=len(left))
        for pull in left:
            await app.configure_task("pull_register", queue=QUEUE).defer_async(pull=str(pull))
        await app.run_worker_async(
            queues=[QUEUE],
            concurrency=2,
            shutdown_graceful_timeout=GRACE_SECONDS,
            delete_jobs="successful",
        )
