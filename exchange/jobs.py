"""The worker: runs what was put into the queue, and takes up what a killed worker left behind."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from uuid import UUID

import procrastinate
import structlog

from connectors import WorkerGate
from exchange.audit.witnessing import Submitter
from exchange.bulk.ending import Ending
from exchange.bulk.exporting import Exporting
from exchange.bulk.importing import Importing
from exchange.bulk.issuing import IssuingFromFile
from exchange.bulk.records import END, EXPORT, IMPORT, ISSUE, RESIGN
from exchange.bulk.resigning import Resigning
from exchange.bulk.running import TASK as BULK_TASK
from exchange.bulk.running import Running
from exchange.certificates.places import Places
from exchange.certificates.signing import Signing, signing_for
from exchange.clock import SystemClock
from exchange.database import database_failures
from exchange.hub import Hub, build_hub
from exchange.keyring.certifying import Certifying, certifying
from exchange.keyring.renewing import renew_revocation_list
from exchange.queue import QUEUE, SCHEMA
from exchange.registers.pulling import POOL_FROM, Pulling
from exchange.settings import Settings

log = structlog.get_logger()
GRACE_SECONDS = 30
MOST_BULK = 2
"""Bulk jobs that one worker runs at a time."""


def run_worker(settings: Settings) -> None:
    """Run jobs until SIGTERM or SIGINT; a job under way may finish within the grace time."""
    hub = build_hub(settings, SystemClock())
    with WorkerGate() as gate, database_failures():
        gate.warm()
        try:
            asyncio.run(
                _work(
                    settings,
                    pulling_of(hub, gate),
                    bulk_of(hub),
                    submitter_of(hub),
                    certifying_of(hub),
                )
            )
        finally:
            hub.engine.dispose()


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
        keys=hub.keys,
        workers=os.cpu_count() or 1,
    )


def bulk_of(hub: Hub) -> Running:
    """What runs the bulk jobs of a hub."""
    certificates, objects = hub.certificates, hub.objects

    def signing(department: str, rows: int) -> contextlib.AbstractContextManager[Signing]:
        workers = (os.cpu_count() or 1) if rows >= POOL_FROM else 0
        return signing_for(hub.keys, department, workers=workers)

    return Running(
        hub.engine,
        hub.work,
        hub.access,
        {
            ISSUE: IssuingFromFile(hub.access, certificates, objects, signing),
            RESIGN: Resigning(hub.work, hub.access, hub.clock, certificates, hub.keys.signer_of),
            END: Ending(certificates, objects),
            EXPORT: Exporting(
                hub.work, hub.access, hub.clock, certificates, objects,
                Places(hub.settings.public_url),
            ),
            IMPORT: Importing(hub.work, hub.clock, objects, hub.settings.holder_key_bytes),
        },
    )  # fmt: skip


def submitter_of(hub: Hub) -> Submitter | None:
    """What has the log cosigned, where a policy names witnesses."""
    return hub.witnessing.submitter(hub.work) if hub.witnessing.policy.witnesses else None


def certifying_of(hub: Hub) -> Certifying:
    """What keeps a hub's revocation list current."""
    return certifying(hub.work, hub.clock, hub.keys, hub.settings.public_url, by="worker")


def make_app(settings: Settings, pulling: Pulling, bulk: Running) -> procrastinate.App:
    """The queue's application with its tasks."""
    url = settings.database_url.get_secret_value().replace("+psycopg2", "", 1)
    app = procrastinate.App(
        connector=procrastinate.PsycopgConnector(
            conninfo=url, kwargs={"options": f"-c search_path={SCHEMA}"}, min_size=1, max_size=4
        )
    )

    @app.task(name="pull_register", queue=QUEUE)
    def pull_register(pull: str) -> None:
        pulling.run(UUID(pull))

    # A worker that was killed leaves its pull running: whoever is alive takes it up.
    @app.periodic(cron="* * * * *")
    @app.task(name="take_up_pulls", queue=QUEUE, queueing_lock="take_up_pulls", pass_context=False)
    def take_up_pulls(timestamp: int) -> None:
        for pull in pulling.unfinished():
            pulling.run(pull)

    few = threading.BoundedSemaphore(MOST_BULK)

    # Bulk work never takes the last places: pulls go on beside it.
    @app.task(name=BULK_TASK, queue=QUEUE, pass_context=True)
    def run_bulk(context: procrastinate.JobContext, job: str) -> None:
        if few.acquire(blocking=False):
            try:
                bulk.run(UUID(job), context.should_abort)
            finally:
                few.release()

    @app.periodic(cron="* * * * *")
    @app.task(name="take_up_bulk", queue=QUEUE, queueing_lock="take_up_bulk", pass_context=True)
    def take_up_bulk(context: procrastinate.JobContext, timestamp: int) -> None:
        for job in bulk.unfinished():
            run_bulk(context, str(job))

    return app


def have_log_cosigned(app: procrastinate.App, submitter: Submitter) -> None:
    """Add the task that asks witnesses. It does nothing while the log stands still."""

    @app.periodic(cron="* * * * *")
    @app.task(name="have_log_cosigned", queue=QUEUE, queueing_lock="have_log_cosigned")
    def ask_witnesses(timestamp: int) -> None:
        submitter.run()


def keep_revocation_list(app: procrastinate.App, root: Certifying) -> None:
    """Add the daily task that signs the root's revocation list anew before it ends."""

    @app.periodic(cron="17 3 * * *")
    @app.task(name="keep_revocation_list", queue=QUEUE, queueing_lock="keep_revocation_list")
    def renew(timestamp: int) -> None:
        renew_revocation_list(root)


async def _work(
    settings: Settings,
    pulling: Pulling,
    bulk: Running,
    submitter: Submitter | None,
    root: Certifying,
) -> None:
    app = make_app(settings, pulling, bulk)
    keep_revocation_list(app, root)
    if submitter is not None:
        have_log_cosigned(app, submitter)
    async with app.open_async():
        # A worker that was down at the hour of the day makes up for it.
        await asyncio.to_thread(renew_revocation_list, root)
        left = await asyncio.to_thread(pulling.unfinished)
        if left:
            log.info("pulls taken up", count=len(left))
        for pull in left:
            await app.configure_task("pull_register", queue=QUEUE).defer_async(pull=str(pull))
        for job in await asyncio.to_thread(bulk.unfinished):
            await app.configure_task(BULK_TASK, queue=QUEUE).defer_async(job=str(job))
        await app.run_worker_async(
            queues=[QUEUE],
            concurrency=2 + MOST_BULK,
            shutdown_graceful_timeout=GRACE_SECONDS,
            delete_jobs="successful",
        )
