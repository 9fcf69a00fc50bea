"""One's own certificates, status lists and trust. What issuers do is in ``act_routes``."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Header, Path, Query, Request, Response

from certstore.identifiers import CertificateIdentifier
from exchange.access import Allowed, Caller, Permitted, bearer
from exchange.certificates.schemas import (
    IDENTIFIER,
    OwnCertificatesOut,
    TrustOut,
)
from exchange.certificates.standing_schemas import HistoryOut
from exchange.http import HubOf, problems

router = APIRouter(tags=["certificates"])

SD_JWT: Final = "application/dc+sd-jwt"
STATUS_LIST: Final = "application/statuslist+jwt"

IdentifierPath = Annotated[
    str, Path(max_length=300, description="GB/T 36904 标识", examples=[IDENTIFIER])
]


def issuer_in_path(request: Request) -> str:
    """The department that the identifier in the path names as its issuer.

    Raises certstore's IdentifierError for what is no identifier.
    """
    return CertificateIdentifier.parse(request.path_params["identifier"]).issuer


def caller_or_visitor(request: Request) -> Caller:
    """Who stands behind the token, or a visitor where there is none."""
    if "authorization" not in request.headers:
        return Caller("visitor", "visitor", None, frozenset())
    caller: Caller = request.app.state.hub.tokens.caller(bearer(request))
    return caller


@router.get(
    "/v1/me/certificates",
    summary="One's own certificates 本人证照",
    responses=problems(401, 403, 503),
)
def list_own_certificates(
    hub: HubOf,
    permitted: Annotated[Permitted, Depends(Allowed("read-own", own=True))],
) -> OwnCertificatesOut:
    """The newest version of each certificate the signed-in applicant holds."""
    find_type = hub.access.snapshot().find_type
    return OwnCertificatesOut.of(hub.certificates.own(permitted), find_type)


@router.get(
    "/v1/me/certificates/{identifier}",
    summary="Download one's own certificate 下载本人证照",
    response_class=Response,
    responses={
        200: {
            "description": "The certificate as an SD-JWT VC (RFC 9901) with all disclosures",
            "content": {SD_JWT: {"schema": {"type": "string"}}},
        },
        **problems(400, 401, 403, 404, 503),
    },
)
def download_own_certificate(
    hub: HubOf,
    permitted: Annotated[Permitted, Depends(Allowed("read-own", own=True))],
    identifier: IdentifierPath,
) -> Response:
    """The signed file, to be kept, shown in part, or verified offline by anybody."""
    wanted = CertificateIdentifier.parse(identifier)
    certificate = hub.certificates.own_file(permitted, wanted)
    return Response(
        certificate.credential,
        media_type=SD_JWT,
        headers={
            "Content-Disposition": f'attachment; filename="{certificate.identifier}.sdjwt"',
            "Cache-Control": "no-store",
        },
    )


@router.get(
    "/v1/me/certificates/{identifier}/history",
    summary="What happened to one's own certificate 本人证照履历",
    responses=problems(400, 401, 403, 404, 503),
)
def read_own_history(
    hub: HubOf,
    permitted: Annotated[Permitted, Depends(Allowed("read-own", own=True))],
    identifier: IdentifierPath,
) -> HistoryOut:
    """Every version and event with its reason, signed by the issuer, and what is planned."""
    wanted = CertificateIdentifier.parse(identifier)
    return HistoryOut.of(hub.certificates.own_history(permitted, wanted))


@router.get(
    "/v1/status-lists/{issuer}/{number}",
    summary="A status list 状态列表",
    response_class=Response,
    responses={
        200: {
            "description": "A Token Status List of two bits, signed by the issuer's key",
            "content": {STATUS_LIST: {"schema": {"type": "string"}}},
        },
        304: {"description": "Not modified since the ETag sent"},
        **problems(400, 404, 503),
    },
)
def read_status_list(
    hub: HubOf,
    issuer: Annotated[str, Path(pattern="^[0-9A-Z]{18}$", examples=["11440000MB2D01234C"])],
    number: Annotated[int, Path(ge=1, le=999_999_999, examples=[1])],
    if_none_match: Annotated[str | None, Header(max_length=200)] = None,
    time: Annotated[
        int | None,
        Query(
            ge=0,
            le=253_402_300_799,
            description="Seconds since 1970: the list as it was published at that time",
        ),
    ] = None,
) -> Response:
    """Public. Shows every change committed before the request came, and counts until the next
    planned one at the latest."""
    at = datetime.fromtimestamp(time, UTC) if time is not None else None
    published = hub.certificates.status_list(issuer, number, at)
    fresh = int(published.fresh_for(hub.certificates.now()).total_seconds())
    headers = {
        "ETag": published.etag,
        "Cache-Control": f"public, max-age={fresh}",
    }
    if if_none_match is not None and published.etag in if_none_match:
        return Response(status_code=304, headers=headers)
    return Response(published.token, media_type=STATUS_LIST, headers=headers)


@router.get(
    "/v1/trust",
    summary="Whom to trust 可信名单",
    response_model_exclude_none=True,
    responses=problems(503),
)
def read_trust(hub: HubOf) -> TrustOut:
    """Public: the issuers' and the hub's public keys and the log's, for verifying offline."""
    return TrustOut.model_validate(hub.certificates.trust())
