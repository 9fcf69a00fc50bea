"""The HTTP application: every room's routes, one table of problems, one door for lookups."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import sqlalchemy as sa
from fastapi import FastAPI, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from exchange import problems
from exchange.applicants.routes import router as applicants
from exchange.audit.routes import published as published_log
from exchange.audit.routes import router as audit
from exchange.audit.routes import witness
from exchange.authorizations.routes import router as authorizations
from exchange.bulk.routes import router as bulk
from exchange.cases.routes import router as cases
from exchange.certificate_types.routes import router as certificate_types
from exchange.certificates.act_routes import router as acts
from exchange.certificates.public_routes import router as public
from exchange.certificates.routes import router as certificates
from exchange.certificates.verification_routes import router as verifications
from exchange.clock import SystemClock
from exchange.documents.routes import router as documents
from exchange.errors import HubError, Unavailable
from exchange.http import PROBLEM_SCHEMA, HubOf
from exchange.http import problems as documented
from exchange.hub import Hub, build_hub
from exchange.items.routes import router as items
from exchange.keyring.renewing import left
from exchange.keyring.routes import router as keys
from exchange.lookups.routes import BATCH, SINGLE, LookupDoor, openapi_paths
from exchange.migrating import missing_migrations
from exchange.observing import REVOCATION_LIST, Observed, configure_logging, metrics
from exchange.presentations.file_routes import router as files
from exchange.presentations.routes import router as presentations
from exchange.registers.routes import router as registers
from exchange.settings import load_settings
from exchange.stores.routes import router as stores
from exchange.tokens.routes import router as tokens
from exchange.wellformed import WellFormed

DESCRIPTION = """
政务数据交换与电子证照库 · data-exchange hub and signed electronic-certificate library.

Errors are RFC 9457 problems in English with the same in 中文 under `zh`.
See `docs/api.md` for the way through.
"""


class Door:
    """Lookups go straight to their own application, everything else to the framework."""

    def __init__(self, app: ASGIApp, lookups: ASGIApp) -> None:
        self._app = app
        self._lookups = lookups

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] in (SINGLE, BATCH):
            await self._lookups(scope, receive, send)
        else:
            await self._app(scope, receive, send)


def create_app(hub: Hub) -> ASGIApp:
    """The application of one hub, as ASGI."""
    rooms = WellFormed(
        create_framework(hub),
        most_bytes=hub.settings.body_max_bytes,
        most_upload_bytes=hub.settings.upload_max_bytes,
        most_bulk_bytes=hub.settings.bulk_max_bytes,
    )
    return Door(Observed(rooms), LookupDoor(hub))


def create_framework(hub: Hub) -> FastAPI:
    """Everything but the hot path; its OpenAPI document covers that too."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        hub.lookups.start()
        yield
        hub.lookups.stop()
        hub.engine.dispose()

    app = FastAPI(
        title="Yici 一次",
        version="1",
        description=DESCRIPTION,
        lifespan=lifespan,
        redoc_url=None,
        redirect_slashes=False,
        servers=[{"url": hub.settings.public_url}],
    )
    app.state.hub = hub
    problems.install(app)
    for router in (
        tokens, keys, items, certificate_types, acts, certificates, registers, cases,
        authorizations, applicants, audit, presentations, stores, bulk, verifications, files,
        documents, public,
    ):  # fmt: skip
        app.include_router(router)
    app.include_router(published_log)
    app.include_router(witness)
    _operations(app)
    _document(app)
    return app


def from_environment() -> ASGIApp:
    """The application as the environment sets it; what uvicorn's processes call."""
    settings = load_settings()
    configure_logging(settings.log_level)
    return create_app(build_hub(settings, SystemClock()))


def _operations(app: FastAPI) -> None:
    @app.get("/healthz", tags=["operations"], summary="Is the process alive 存活")
    def healthz() -> dict[str, str]:
        """Answers as long as the process does; asks nothing else."""
        return {"status": "ok"}

    @app.get(
        "/readyz",
        tags=["operations"],
        summary="May it be sent requests 就绪",
        responses=documented(503),
    )
    def readyz(hub: HubOf) -> dict[str, str]:
        """Ready where the database answers, is at this program's schema and may carry the log."""
        with hub.work.read() as connection:
            connection.execute(sa.text("SELECT 1"))
            if missing_migrations(connection):
                raise Unavailable(
                    "数据库尚未迁移到最新结构。",
                    "The database is not migrated: run `yici migrate`.",
                )
            refusal = hub.gate.find_refusal(connection.connection.cursor(), hub.clock.now())
            if refusal is not None:
                raise refusal
        return {"status": "ready"}

    @app.get(
        "/metrics",
        tags=["operations"],
        summary="Metrics 指标",
        response_class=Response,
        responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
    )
    def read_metrics(hub: HubOf) -> Response:
        """Prometheus' text format; no label holds personal data."""
        # Figures are told without a database too.
        with contextlib.suppress(sa.exc.SQLAlchemyError, HubError):
            REVOCATION_LIST.set(left(hub.keys.crl(), hub.clock.now()).total_seconds())
        return Response(metrics(), media_type="text/plain; version=0.0.4")


def _document(app: FastAPI) -> None:
    framework = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = framework()
            components = document.setdefault("components", {})
            schemas = components.setdefault("schemas", {})
            schemas["Problem"] = PROBLEM_SCHEMA
            components["securitySchemes"] = {
                "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
            }
            _complete(document)
            document["paths"].update(openapi_paths(schemas))
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def _complete(document: dict[str, Any]) -> None:
    """Add what holds for every route.

    422 is never answered, 400 is; a body may be too large or of another kind; a route that may
    answer 401 wants a bearer token, unless it gives one out.
    """
    for path, operations in document["paths"].items():
        for operation in operations.values():
            responses = operation["responses"]
            responses.pop("422", None)
            common = [400] if "requestBody" in operation or "parameters" in operation else []
            common += [413, 415] if "requestBody" in operation else []
            for status, response in documented(*common).items():
                responses.setdefault(str(status), response)
            if "401" in responses and path not in ("/oauth/token", "/v1/me/sessions"):
                operation.setdefault("security", [{"bearer": []}])
    for name in ("HTTPValidationError", "ValidationError"):
        document["components"]["schemas"].pop(name, None)
