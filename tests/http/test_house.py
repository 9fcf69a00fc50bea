"""Rules of the house about doors: each asks who knocks, each error has its problem."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import httpx
import pytest
from fastapi import APIRouter, Depends, FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

import exchange
from certstore.errors import CertstoreError
from certstore.identifiers import CertificateIdentifier
from connectors.errors import ConnectorError
from exchange import problems
from exchange.access import Allowed
from exchange.app import create_framework
from exchange.certificates.routes import caller_or_visitor
from exchange.errors import HubError
from exchange.lookups.routes import BATCH, SINGLE
from tests.http.standing import problem

# Public, each for a reason of its own: the way to a token, what the law publishes, what a
# verifier needs who has no account here, a file whose signed link is the permission itself.
PUBLIC = {
    "POST /oauth/token",
    "POST /v1/me/sessions",
    "GET /v1/items",
    "GET /v1/items/{code}",
    "GET /v1/certificate-types",
    "GET /v1/certificate-types/{key}",
    "GET /v1/certificate-types/{key}/versions/{version}",
    "GET /v1/certificate-types/{key}/versions/{version}/definition",
    "GET /v1/certificate-types/{key}/versions/{version}/schema",
    "GET /v1/certificate-types/{key}/versions/{version}/metadata",
    "GET /v1/status-lists/{issuer}/{number}",
    "GET /v1/trust",
    "GET /v1/root",
    "GET /v1/crl",
    "GET /v1/audit/checkpoint",
    "GET /v1/audit/consistency",
    "GET /v1/objects/{sha256}",
}
# These read the caller themselves, and their services ask the policy about what they found.
ASKS_ITSELF = {
    "GET /v1/audit/receipts/{index}",
    "POST /v1/verifications",
    "POST /v1/verifications/files",
}


def routes(router: Any) -> Iterator[APIRoute]:
    for route in router.routes:
        if isinstance(route, APIRoute):
            yield route
        elif hasattr(route, "original_router"):
            yield from routes(route.original_router)


def framework() -> FastAPI:
    settings = SimpleNamespace(public_url="http://hub.test")
    return create_framework(cast(Any, SimpleNamespace(settings=settings)))


def calls(dependant: Dependant) -> Iterator[Callable[..., Any]]:
    for each in dependant.dependencies:
        if each.call is not None:
            yield each.call
        yield from calls(each)


def unguarded(app: Any) -> set[str]:
    """The routes of /v1 and /oauth where no policy is asked before the route runs."""
    return {
        f"{method} {route.path}"
        for route in routes(app)
        for method in route.methods
        if route.path.startswith(("/v1", "/oauth"))
        and not any(isinstance(call, Allowed) for call in calls(route.dependant))
    }


def test_every_route_asks_the_policy_or_is_public_by_name() -> None:
    app = framework()
    assert len(list(routes(app))) >= 42
    assert unguarded(app) == PUBLIC | ASKS_ITSELF


def test_a_route_that_forgot_to_ask_is_found() -> None:
    app, router = FastAPI(), APIRouter(prefix="/v1/things")

    @router.get("/forgotten")
    def forgotten() -> None: ...

    @router.get("/asked", dependencies=[Depends(Allowed("read-case"))])
    def asked() -> None: ...

    app.include_router(router)
    assert unguarded(app) == {"GET /v1/things/forgotten"}


def test_the_routes_that_ask_themselves_read_the_caller() -> None:
    found = {f"{m} {r.path}": r for r in routes(framework()) for m in r.methods}
    assert caller_or_visitor in set(calls(found["POST /v1/verifications"].dependant))
    source = Path(exchange.__file__).parent / "audit" / "routes.py"
    assert "caller = hub.tokens.caller(bearer(request))" in source.read_text("utf-8")


def test_lookups_have_a_door_of_their_own() -> None:
    assert {SINGLE, BATCH} & {route.path for route in routes(framework())} == set()


def kinds_of(error: type[Exception]) -> Iterator[type[Exception]]:
    yield error
    for kind in error.__subclasses__():
        yield from kinds_of(kind)


def test_every_error_of_the_hub_has_its_problem() -> None:
    for path in Path(exchange.__file__).parent.rglob("*.py"):
        parts = path.relative_to(Path(exchange.__file__).parent.parent).with_suffix("").parts
        if parts[-1] not in ("__main__", "quality_worker"):
            __import__(".".join(part for part in parts if part != "__init__"))
    found = {kind: cast(type[HubError], kind).code for kind in kinds_of(HubError)}
    assert len(found) >= 10
    assert {kind for kind, code in found.items() if code not in problems.KINDS} == set()


@pytest.mark.parametrize("code", sorted(problems.KINDS))
def test_every_problem_speaks_both_languages(code: str) -> None:
    kind = problems.KINDS[code]
    assert any("一" <= each <= "鿿" for each in kind.zh) and kind.en.isascii()
    document = problems.body(code, zh="详情", en="detail")
    assert document["status"] == kind.status and document["zh"]["title"] == kind.zh


class Mishap(Exception):
    """Something nobody foresaw."""


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (Mishap("91440101000000001M 第1号有限公司"), 500),
        (ZeroDivisionError("91440101000000001M"), 500),
        (KeyError("91440101000000001M"), 500),
        (RuntimeError("第1号有限公司"), 500),
        (UnicodeEncodeError("utf-8", "第1号有限公司\ud800", 7, 8, "no"), 500),
        (RecursionError("91440101000000001M"), 500),
    ],
)
def test_what_nobody_foresaw_is_a_bare_500(
    error: Exception, status: int, capfd: pytest.CaptureFixture[str]
) -> None:
    app = framework()

    @app.get("/v1/mishap")
    def mishap() -> None:
        raise error

    answer = ask(app, "/v1/mishap")
    document = problem(answer, status)
    assert document == problems.body("internal", zh="系统内部错误。", en="Internal error.")
    logged = "".join(capfd.readouterr())
    for said in (answer.text, logged):
        assert "91440101000000001M" not in said and "第1号有限公司" not in said
    assert type(error).__name__ in logged


def test_an_answer_that_cannot_be_made_is_a_bare_500() -> None:
    app = framework()

    @app.get("/v1/mishap")
    def mishap() -> int:
        return cast(int, "91440101000000001M")

    answer = ask(app, "/v1/mishap")
    problem(answer, 500)
    assert "91440101000000001M" not in answer.text


def test_every_error_of_a_library_has_its_problem() -> None:
    for base in (CertstoreError, ConnectorError):
        assert list(kinds_of(base))
    app = framework()

    @app.get("/v1/mishap")
    def mishap() -> None:
        CertificateIdentifier.parse("91440101000000001M")

    document = problem(ask(app, "/v1/mishap"), 400)
    assert document["reason"] and "91440101000000001M" not in str(document)


def ask(app: FastAPI, path: str) -> httpx.Response:
    """What the application answers in place, its server's last resort included."""

    async def send() -> httpx.Response:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://hub.test") as client:
            return await client.get(path)

    return asyncio.run(send())
