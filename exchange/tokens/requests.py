"""Reads a token request (RFC 6749 §4.4, RFC 7523 §2.2) and says what is wrong in both ways.

A client library looks for ``error`` and ``error_description`` (RFC 6749 §5.2); whoever reads the
problem document finds the same in ``title`` and ``detail``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl

from fastapi import Request

from exchange.errors import BadRequest, HubError, TooLarge, Unsupported
from exchange.tokens.assertions import ASSERTION_TYPE, claimed_client

MOST_BYTES: Final = 16_384
_FORM: Final = "application/x-www-form-urlencoded"
_KNOWN: Final = frozenset(
    {"grant_type", "client_assertion_type", "client_assertion", "client_id", "scope"}
)
_CODES: Final = {"invalid-client": "invalid_client"}


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """A token request whose form is right; nothing is verified yet."""

    assertion: str
    scope: str | None


async def receive_token_request(request: Request) -> TokenRequest:
    """Read a token request off the wire, never more than 16 KiB.

    Raises:
        HubError: with ``error`` and ``error_description`` among its members.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _FORM:
        raise oauth(
            Unsupported(f"请以 {_FORM} 提交。", f"Send the request as {_FORM}."), "invalid_request"
        )
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST_BYTES:
            raise oauth(
                TooLarge("令牌请求过长。", "The token request is too long."), "invalid_request"
            )
    return read_token_request(body)


def read_token_request(body: bytes) -> TokenRequest:
    """Read the form of a token request.

    Raises:
        HubError: with ``error`` and ``error_description`` among its members.
    """
    try:
        pairs = parse_qsl(
            body.decode("ascii"), keep_blank_values=True, strict_parsing=True, errors="strict",
            max_num_fields=20,
        )  # fmt: skip
    except (ValueError, UnicodeDecodeError):
        raise _invalid("表单无法读取", "The form cannot be read") from None
    named = [(name, value) for name, value in pairs if name in _KNOWN and value]
    form = dict(named)
    if len(form) < len(named):
        raise _invalid("参数不得重复", "A parameter may be given once only")
    if "grant_type" not in form:
        raise _invalid("缺少 grant_type", "grant_type is missing")
    if form["grant_type"] != "client_credentials":
        raise oauth(
            BadRequest(
                "grant_type 须为 client_credentials。", "grant_type must be client_credentials."
            ),
            "unsupported_grant_type",
        )
    if form.get("client_assertion_type") != ASSERTION_TYPE or "client_assertion" not in form:
        raise _invalid(
            f"须给出 client_assertion,且 client_assertion_type 为 {ASSERTION_TYPE}",
            f"Give client_assertion with the client_assertion_type {ASSERTION_TYPE}",
        )
    if "client_id" in form and form["client_id"] != claimed_client(form["client_assertion"]):
        raise _invalid("client_id 与断言不符", "client_id is not the one of the assertion")
    return TokenRequest(form["client_assertion"], form.get("scope"))


def oauth(error: HubError, code: str | None = None) -> HubError:
    """The same error with the members RFC 6749 §5.2 asks for."""
    named = code or error.members.get("error") or _CODES.get(error.code, "invalid_request")
    # §5.2 allows printable ASCII only, without quotes and backslashes.
    text = "".join(each for each in error.en if " " <= each <= "~" and each not in '"\\')
    error.members |= {"error": named, "error_description": text}
    return error


def _invalid(zh: str, en: str) -> HubError:
    return oauth(BadRequest(f"{zh}。", f"{en}."), "invalid_request")
