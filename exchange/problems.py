"""One table from errors to RFC 9457 problems. What is not in it is a bare 500.

Problem documents speak both languages: ``title`` and ``detail`` in English as the RFC has them,
the same in 中文 under ``zh``. ``faults`` name each wrong place and the remedy.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson
import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from certstore.errors import CertstoreError, DocumentError, ObjectError, StoreFault
from connectors.errors import ConnectorError
from exchange.audit.errors import LogDamaged
from exchange.database import is_unreachable
from exchange.errors import Fault, HubError, Unavailable
from exchange.faults import of_request

MEDIA_TYPE = "application/problem+json"
log = structlog.get_logger()


_OWN_KEYS = frozenset(
    {
        "no-active-key", "not-certified", "other-key", "no-token", "key-missing", "key-exposed",
        "key-unreadable", "module-missing", "token-missing", "token-ambiguous", "token-failed",
        "pin-wrong", "pin-locked",
    }
)  # fmt: skip
"""Faults of the hub's own keys: whoever asks has done nothing wrong."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One row of the table: the HTTP status and the title of a problem."""

    status: int
    zh: str
    en: str


KINDS: Mapping[str, Kind] = {
    "bad-request": Kind(400, "请求有误", "The request is not usable"),
    "unauthenticated": Kind(401, "未通过身份认证", "Not authenticated"),
    "invalid-client": Kind(401, "应用系统身份认证失败", "Client authentication failed"),
    "refused": Kind(403, "依照规则不予许可", "Refused by policy"),
    "not-found": Kind(404, "未找到", "Not found"),
    "method-not-allowed": Kind(405, "不支持该方法", "Method not allowed"),
    "conflict": Kind(409, "当前状态不允许此操作", "The present state does not allow this"),
    "too-large": Kind(413, "超出大小限制", "Over the size limit"),
    "unsupported-content": Kind(415, "不支持的内容类型", "Content type not accepted"),
    "too-many-attempts": Kind(429, "尝试次数过多", "Too many attempts"),
    "internal": Kind(500, "系统内部错误", "Internal error"),
    "department-unreadable": Kind(502, "部门答复无法读取", "The department's answer is unreadable"),
    "department-down": Kind(503, "部门系统不可用", "The department's system is down"),
    "department-slow": Kind(504, "部门系统超时", "The department's system is too slow"),
    "overloaded": Kind(503, "系统繁忙", "Too busy"),
    "log-unwitnessed": Kind(503, "日志缺少见证", "The log lacks witnesses"),
    "cannot-sign": Kind(503, "签名密钥不可用", "A signing key is not available"),
    "cannot-draw": Kind(503, "无法绘制证照文件", "The certificate's file cannot be drawn"),
    "unavailable": Kind(
        503, "数据库或对象存储不可用", "The database or the object store is not available"
    ),
}

_DEPARTMENTS = {
    "source-missing": "department-down",
    "timeout": "department-slow",
}


def body(
    code: str,
    *,
    zh: str,
    en: str,
    faults: Iterable[Fault] = (),
    members: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The problem document of one error, as a JSON object."""
    kind = KINDS[code]
    document: dict[str, Any] = {
        "type": f"urn:yici:problem:{code}",
        "status": kind.status,
        "title": kind.en,
        "detail": en,
        "zh": {"title": kind.zh, "detail": zh},
    }
    listed = [{"field": f.field, "zh": f.zh, "en": f.en} for f in faults]
    if listed:
        document["faults"] = listed
    document.update(members or {})
    return document


def response(document: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Response:
    """A problem document as an HTTP response."""
    return Response(
        orjson.dumps(document),
        status_code=int(document["status"]),
        media_type=MEDIA_TYPE,
        headers={"Cache-Control": "no-store", **(headers or {})},
    )


def of_hub_error(error: HubError) -> Response:
    """The problem of one of the hub's own errors."""
    headers = dict(error.headers)
    if KINDS[error.code].status == 401:
        headers.setdefault("WWW-Authenticate", "Bearer")
    return response(
        body(error.code, zh=error.zh, en=error.en, faults=error.faults, members=error.members),
        headers,
    )


_LOST = frozenset({"not-found", "altered"})
"""Faults of kept objects that only rows name: whoever asks has done nothing wrong."""


def of_library_error(error: CertstoreError | ConnectorError) -> Response:
    """The problem of an error of a library: its own code stands in ``reason``."""
    code = "cannot-sign" if error.code in _OWN_KEYS else "bad-request"
    if isinstance(error, DocumentError):
        # Files are drawn of the hub's own data: whoever asks for one has done nothing wrong.
        code = "overloaded" if error.code == "busy" else "cannot-draw"
    members = {"reason": error.code}
    if isinstance(error, StoreFault):
        code, members = "unavailable", {"reason": error.cause}
    elif isinstance(error, ObjectError) and error.code in _LOST:
        code = "internal"
    if isinstance(error, ConnectorError):
        code = _DEPARTMENTS.get(error.code, "department-unreadable")
        members["department"] = str(error.department)
    return response(body(code, zh=error.zh, en=error.en, members=members))


def of_validation(error: RequestValidationError) -> Response:
    """A body or parameter of the wrong shape: each place is named, no value is repeated."""
    return response(
        body(
            "bad-request",
            zh="请求内容不符合接口定义,请按 faults 逐项修正。",
            en="The request does not fit the interface; mend each place named in faults.",
            faults=of_request(error.errors()),
        )
    )


_HTTP = {404: "not-found", 405: "method-not-allowed", 413: "too-large", 415: "unsupported-content"}


def of_http(error: HTTPException) -> Response:
    """Starlette's own refusals (no such path, wrong method, unreadable body)."""
    code = _HTTP.get(error.status_code, "bad-request" if error.status_code < 500 else "internal")
    kind = KINDS[code]
    return response(body(code, zh=f"{kind.zh}。", en=f"{kind.en}."), dict(error.headers or {}))


def of_unforeseen(error: Exception) -> Response:
    """Anything else: a database that is gone is 503, the rest a bare 500 with nothing inside."""
    if is_unreachable(error):
        return of_hub_error(Unavailable("数据库暂不可用,请稍后重试。", "Try again later."))
    if isinstance(error, LogDamaged):
        log.critical("log damaged", error=type(error).__name__)
        return response(
            body(
                "unavailable",
                zh="审计日志受损,已停止服务。",
                en="The log is damaged; service stops.",
            )
        )
    # The class and place, never the text: it may hold personal data.
    log.error("unforeseen", error=type(error).__name__, exc_info=False, at=_place(error))
    return response(body("internal", zh="系统内部错误。", en="Internal error."))


def _place(error: BaseException) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return "?"
    return f"{trace.tb_frame.f_code.co_filename.rsplit('/', 2)[-1]}:{trace.tb_lineno}"


def install(app: FastAPI) -> None:
    """Have the application answer every error from this table."""

    async def hub_error(_: Request, error: Exception) -> Response:
        assert isinstance(error, HubError)  # noqa: S101
        return of_hub_error(error)

    async def library_error(_: Request, error: Exception) -> Response:
        assert isinstance(error, CertstoreError | ConnectorError)  # noqa: S101
        return of_library_error(error)

    async def validation(_: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)  # noqa: S101
        return of_validation(error)

    async def http(_: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101
        return of_http(error)

    async def unforeseen(_: Request, error: Exception) -> Response:
        return of_unforeseen(error)

    app.add_exception_handler(HubError, hub_error)
    app.add_exception_handler(CertstoreError, library_error)
    app.add_exception_handler(ConnectorError, library_error)
    app.add_exception_handler(RequestValidationError, validation)
    app.add_exception_handler(HTTPException, http)
    app.add_exception_handler(Exception, unforeseen)
