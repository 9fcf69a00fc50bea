"""``POST /v1/lookups`` and ``/v1/lookups/batch``: plain ASGI, because here microseconds count.

Everything before the queue is done here: the token, the size of the body, its form. Everything
after it is done once per batch, in :mod:`exchange.lookups.batch`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar

import orjson
from pydantic import BaseModel, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from certstore.errors import CertstoreError
from exchange import problems
from exchange.access import Caller, bearer
from exchange.errors import BadRequest, HubError, TooLarge
from exchange.faults import of_bodies
from exchange.http import problems as documented
from exchange.lookups.schemas import BatchIn, BatchOut, LookupIn, LookupOut
from exchange.lookups.units import Answered
from exchange.tokens.access_tokens import UnknownKey
from exchange.wellformed import check_names

if TYPE_CHECKING:
    from exchange.hub import Hub

SINGLE: Final = "/v1/lookups"
BATCH: Final = "/v1/lookups/batch"
Model = TypeVar("Model", bound=BaseModel)
_HEADERS: Final = {"Cache-Control": "no-store"}


class LookupDoor:
    """The ASGI application of the two paths."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._most_bytes = hub.settings.body_max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        try:
            response = await self._respond(request)
        except ClientDisconnect:
            return
        except HubError as error:
            response = problems.of_hub_error(error)
        except CertstoreError as error:
            response = problems.of_library_error(error)
        except Exception as error:
            response = problems.of_unforeseen(error)
        await response(scope, receive, send)

    async def _respond(self, request: Request) -> Response:
        if request.method != "POST":
            raise HubError(
                "请使用 POST。", "Use POST.", code="method-not-allowed", headers={"Allow": "POST"}
            )
        caller = await self._caller(bearer(request))
        if caller.kind != "system":
            await run_in_threadpool(self._hub.access.permit, caller, "use-lookups")
            raise BadRequest(
                "此接口仅供部门系统使用。", "This door is for departments' systems only."
            )
        body = await self._body(request)
        if request.scope["path"] == SINGLE:
            return await self._single(caller, body)
        return await self._batch(caller, body)

    async def _caller(self, token: str) -> Caller:
        try:
            return self._hub.tokens.reader.read(token, self._hub.clock.now())
        except UnknownKey:
            # Perhaps another process minted it with a key that is new: asked off the loop.
            await run_in_threadpool(self._hub.keys.current)
            return self._hub.tokens.reader.read(token, self._hub.clock.now())

    async def _single(self, caller: Caller, body: bytes) -> Response:
        lookup = _parse(LookupIn, body)
        answered = await self._hub.lookups.answer(caller, (lookup,), body)
        return single(answered)

    async def _batch(self, caller: Caller, body: bytes) -> Response:
        asked = _parse(BatchIn, body)
        answered = await self._hub.lookups.answer(
            caller, asked.lookups, body, with_receipts=asked.receipts
        )
        return batch(answered)

    async def _body(self, request: Request) -> bytes:
        declared = request.headers.get("content-length", "0")
        if not declared.isdigit() or int(declared) > self._most_bytes:
            raise self._too_large()
        chunks, size = [], 0
        async for chunk in request.stream():
            size += len(chunk)
            if size > self._most_bytes:
                raise self._too_large()
            chunks.append(chunk)
        return b"".join(chunks)

    def _too_large(self) -> TooLarge:
        return TooLarge(
            f"请求体不得超过 {self._most_bytes} 字节。",
            f"The body may have {self._most_bytes} bytes at most.",
        )


def single(answered: Answered) -> Response:
    """The response to one lookup: the result, its signature and its receipt, or the refusal."""
    decided = answered.decided[0]
    signed = orjson.dumps({"answer": answered.answer, "receipt": answered.receipts[0]})
    if decided.outcome != "refused":
        # The result is canonical JSON already; what was signed is what is sent.
        return Response(
            decided.result[:-1] + b"," + signed[1:],
            media_type="application/json",
            headers=_HEADERS,
        )
    document = problems.body(
        "refused",
        zh="；".join(reason.zh for reason in decided.decision.reasons),
        en=" ".join(f"{reason.en}." for reason in decided.decision.reasons),
        members={
            **orjson.loads(decided.result),
            **orjson.loads(signed),
            "policy": decided.decision.policy_set,
            "record": answered.indexes[0],
        },
    )
    return problems.response(document)


def batch(answered: Answered) -> Response:
    """The response to a batch: each lookup's result in the order asked, one signature over all."""
    lookups = b",".join(
        b'{"index":%d,"outcome":"%b",%b' % (index, decided.outcome.encode(), decided.result[1:])
        for index, decided in zip(answered.indexes, answered.decided, strict=True)
    )
    rest: dict[str, Any] = {"answer": answered.answer, "checkpoint": answered.checkpoint}
    if answered.receipts:
        rest["receipts"] = answered.receipts
    return Response(
        b'{"lookups":[' + lookups + b"]," + orjson.dumps(rest)[1:],
        media_type="application/json",
        headers=_HEADERS,
    )


def _parse(model: type[Model], body: bytes) -> Model:
    try:
        parsed = model.model_validate_json(body)
        check_names(body)
        return parsed
    except ValidationError as error:
        raise BadRequest(
            "请求内容不符合接口定义,请按 faults 逐项修正。",
            "The request does not fit the interface; mend each place named in faults.",
            faults=of_bodies(error.errors(include_input=False, include_url=False)),
        ) from None


EXAMPLE: Final = {
    "certificate_type": "business-licence",
    "holder": {"id_type": "001", "id": "91440101191193940U"},
    "fields": ["name", "credit_code"],
    "purpose": {"item": "11440000MB2G07890B2000123008000", "case": "2026-000123"},
    "basis": {"kind": "statutory"},
    "operator": {"account": "zhang.wei", "name": "张伟", "unit": "综合窗口3号"},
}


def openapi_paths(components: dict[str, Any]) -> dict[str, Any]:
    """The two paths for the OpenAPI document; their schemas are added to its components."""
    return {
        SINGLE: {
            "post": _operation(
                "look_up", "Look a certificate up 查验证照",
                LookupIn, LookupOut, EXAMPLE, components,
            )
        },
        BATCH: {
            "post": _operation(
                "look_up_batch", "Look up to 500 certificates up 批量查验",
                BatchIn, BatchOut, {"lookups": [EXAMPLE]}, components,
            )
        },
    }  # fmt: skip


def _operation(
    name: str,
    summary: str,
    asked: type[BaseModel],
    answered: type[BaseModel],
    example: Any,
    components: dict[str, Any],
) -> dict[str, Any]:
    def reference(model: type[BaseModel]) -> dict[str, Any]:
        schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
        components.update(schema.pop("$defs", {}))
        components[model.__name__] = schema
        return {"$ref": f"#/components/schemas/{model.__name__}"}

    responses = documented(400, 401, 403, 405, 413, 503)
    return {
        "tags": ["lookups"],
        "operationId": name,
        "summary": summary,
        "description": answered.__doc__,
        "security": [{"bearer": []}],
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": reference(asked), "example": example}},
        },
        "responses": {
            "200": {
                "description": "Answered; its record stands in the log",
                "content": {"application/json": {"schema": reference(answered)}},
            },
            **{str(status): response for status, response in responses.items()},
        },
    }


__all__ = ["BATCH", "SINGLE", "LookupDoor", "batch", "openapi_paths", "single"]
