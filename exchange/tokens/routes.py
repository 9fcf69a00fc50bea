"""Where tokens come from: ``/oauth/token`` for systems, ``/v1/me/sessions`` for applicants."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from exchange.departments.records import SCOPES
from exchange.errors import HubError
from exchange.http import HubOf, problems
from exchange.keyring.records import ANSWERS, TOKENS
from exchange.tokens.assertions import ALGORITHMS, ASSERTION_TYPE
from exchange.tokens.requests import TokenRequest, oauth, receive_token_request
from exchange.tokens.schemas import (
    JwksOut,
    ServerMetadataOut,
    SessionOut,
    SignInIn,
    TokenOut,
)

router = APIRouter(tags=["tokens"])

_NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}


async def _asked(request: Request) -> TokenRequest:
    try:
        return await receive_token_request(request)
    except HubError as error:
        raise oauth(error) from None


@router.post(
    "/oauth/token",
    summary="An access token for a system 获取访问令牌",
    responses=problems(400, 401, 413, 415, 503),
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "application/x-www-form-urlencoded": {
                    "schema": {
                        "type": "object",
                        "required": ["grant_type", "client_assertion_type", "client_assertion"],
                        "properties": {
                            "grant_type": {"const": "client_credentials"},
                            "client_assertion_type": {"const": ASSERTION_TYPE},
                            "client_assertion": {
                                "type": "string",
                                "description": f"JWT by {', '.join(ALGORITHMS)}; iss and sub are "
                                "the client id, aud the token endpoint, exp at most 5 minutes "
                                "ahead, jti new each time",
                            },
                            "scope": {"type": "string", "examples": ["cases lookups"]},
                        },
                    }
                }
            },
        }
    },
)
def issue_token(
    hub: HubOf, asked: Annotated[TokenRequest, Depends(_asked)], response: Response
) -> TokenOut:
    """Client credentials with ``private_key_jwt`` (RFC 6749 §4.4, RFC 7523 §2.2).

    Errors carry ``error`` and ``error_description`` (RFC 6749 §5.2) beside the problem members.
    """
    try:
        token, scopes = hub.tokens.authenticate(asked.assertion, asked.scope)
    except HubError as error:
        raise oauth(error) from None
    response.headers.update(_NO_STORE)
    return TokenOut(
        access_token=token, expires_in=hub.tokens.seconds, scope=" ".join(sorted(scopes))
    )


@router.get(
    "/.well-known/oauth-authorization-server",
    summary="Authorization server metadata 授权服务器元数据",
    responses=problems(503),
)
def read_metadata(hub: HubOf) -> ServerMetadataOut:
    """What a client library needs to know (RFC 8414)."""
    issuer = hub.settings.public_url.rstrip("/")
    return ServerMetadataOut(
        issuer=issuer,
        token_endpoint=f"{issuer}/oauth/token",
        jwks_uri=f"{issuer}/.well-known/jwks.json",
        scopes_supported=sorted(SCOPES),
        response_types_supported=[],
        grant_types_supported=["client_credentials"],
        token_endpoint_auth_methods_supported=["private_key_jwt"],
        token_endpoint_auth_signing_alg_values_supported=list(ALGORITHMS),
        service_documentation=f"{issuer}/docs",
    )


@router.get("/.well-known/jwks.json", summary="The hub's public keys 公钥", responses=problems(503))
def read_keys(hub: HubOf) -> JwksOut:
    """The keys that access tokens, answers and authorizations are signed with (RFC 7517).

    Keys that come next and retired ones are among them. One that may be in other hands is not:
    a reader of key sets has no way to be told of it.
    """
    register = hub.keys.current()
    usable = ("made", "active", "retired")
    owned = [*register.of(TOKENS), *register.of(ANSWERS)]
    return JwksOut(keys=[dict(key.jwk) for key in owned if key.state in usable])


@router.post(
    "/v1/me/sessions",
    status_code=201,
    summary="Sign in as an applicant 申请人登录",
    responses=problems(400, 401, 429, 503),
)
def sign_in(hub: HubOf, credentials: SignInIn, response: Response) -> SessionOut:
    """Sign in with the built-in provider. After five wrong passwords the account rests."""
    token, applicant = hub.tokens.sign_in(credentials.account, credentials.password)
    response.headers.update(_NO_STORE)
    return SessionOut(access_token=token, expires_in=hub.tokens.seconds, name=applicant.holder_name)
