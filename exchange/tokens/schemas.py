"""What the tokens room takes and sends."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


class TokenOut(BaseModel):
    """An access token (RFC 6749 §5.1)."""

    access_token: str
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105  # the word RFC 6750 fixes
    expires_in: Annotated[int, Field(description="seconds", examples=[600])]
    scope: str


class SignInIn(BaseModel):
    """An applicant's account and password."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        json_schema_extra={"examples": [{"account": "xintiandi", "password": "correct horse 7"}]},
    )

    account: Annotated[str, Field(min_length=1, max_length=200, examples=["xintiandi"])]
    password: Annotated[str, Field(min_length=1, max_length=1024, examples=["correct horse 7"])]


class SessionOut(BaseModel):
    """A signed-in applicant's access token."""

    access_token: str
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105  # the word RFC 6750 fixes
    expires_in: Annotated[int, Field(description="seconds", examples=[600])]
    name: Annotated[str, Field(description="the holder the account stands for")]


class ServerMetadataOut(BaseModel):
    """Authorization server metadata (RFC 8414 §2)."""

    issuer: str
    token_endpoint: str
    jwks_uri: str
    scopes_supported: list[str]
    response_types_supported: list[str]
    grant_types_supported: list[str]
    token_endpoint_auth_methods_supported: list[str]
    token_endpoint_auth_signing_alg_values_supported: list[str]
    service_documentation: str


class JwksOut(BaseModel):
    """Public keys of the hub (RFC 7517 §5)."""

    keys: list[dict[str, str]]
