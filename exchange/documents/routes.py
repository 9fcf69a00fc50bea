"""Certificates as files: the issuer's, the holder's, and annotated copies for a case."""

from __future__ import annotations

from base64 import b64encode
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Path, Response

from certstore.identifiers import CertificateIdentifier
from exchange.access import Allowed, Permitted
from exchange.certificates.schemas import IDENTIFIER
from exchange.documents.records import PDF, Document
from exchange.documents.schemas import CopyIn
from exchange.errors import BadRequest, Fault
from exchange.http import HubOf, problems

router = APIRouter(tags=["documents"])

IdentifierPath = Annotated[
    str, Path(max_length=300, description="GB/T 36904 标识", examples=[IDENTIFIER])
]
CopyPath = Annotated[
    UUID, Path(description="id of the copy", examples=["01890a5d-ac96-774b-bcce-b302099a8057"])
]
AcceptHeader = Annotated[
    str | None,
    # OpenAPI has no such parameter (3.1 §4.8.12.1); the media types of the answer say it.
    Header(max_length=500, include_in_schema=False),
]
_Reading = Annotated[Permitted, Depends(Allowed("read-certificate"))]
_Own = Annotated[Permitted, Depends(Allowed("read-own", own=True))]
_Copying = Annotated[Permitted, Depends(Allowed("use-lookups"))]

_PICTURES: Final[dict[str, Literal["png", "svg"]]] = {"image/png": "png", "image/svg+xml": "svg"}


def _binary(*media_types: str) -> dict[str, Any]:
    return {
        media_type: {"schema": {"type": "string", "format": "binary"}} for media_type in media_types
    }


_PDF: dict[int | str, dict[str, Any]] = {
    200: {"description": "PDF/A-3, PDF/UA-1, sealed to PAdES", "content": _binary(PDF)}
}
_PICTURE: dict[int | str, dict[str, Any]] = {
    200: {"description": "The first page, unsealed", "content": _binary(*_PICTURES)}
}


@router.get(
    "/v1/certificates/{identifier}/file",
    summary="The sealed PDF, for its issuer 证照文件(颁发机构)",
    response_class=Response,
    responses={**problems(400, 401, 403, 404, 503), **_PDF},
)
def read_file(hub: HubOf, permitted: _Reading, identifier: IdentifierPath) -> Response:
    """Made at the first request and kept; later requests get the same bytes."""
    wanted = CertificateIdentifier.parse(identifier)
    return _file(*hub.documents.file(permitted, wanted), name=str(wanted))


@router.get(
    "/v1/certificates/{identifier}/picture",
    summary="A picture, for its issuer 证照图片(颁发机构)",
    response_class=Response,
    responses={**problems(400, 401, 403, 404, 503), **_PICTURE},
)
def read_picture(
    hub: HubOf, permitted: _Reading, identifier: IdentifierPath, accept: AcceptHeader = None
) -> Response:
    """PNG or SVG, as the Accept header has it. A picture proves nothing."""
    return _picture(hub, permitted, identifier, accept)


@router.get(
    "/v1/me/certificates/{identifier}/pdf",
    summary="One's own certificate as a sealed PDF 本人证照文件",
    response_class=Response,
    responses={**problems(400, 401, 403, 404, 503), **_PDF},
)
def read_own_file(hub: HubOf, permitted: _Own, identifier: IdentifierPath) -> Response:
    """The same file its issuer gets: drawn, sealed, with the credential inside."""
    wanted = CertificateIdentifier.parse(identifier)
    return _file(*hub.documents.file(permitted, wanted), name=str(wanted))


@router.get(
    "/v1/me/certificates/{identifier}/picture",
    summary="One's own certificate as a picture 本人证照图片",
    response_class=Response,
    responses={**problems(400, 401, 403, 404, 503), **_PICTURE},
)
def read_own_picture(
    hub: HubOf, permitted: _Own, identifier: IdentifierPath, accept: AcceptHeader = None
) -> Response:
    """PNG or SVG, as the Accept header has it. A picture proves nothing."""
    return _picture(hub, permitted, identifier, accept)


@router.post(
    "/v1/certificates/{identifier}/copies",
    status_code=201,
    summary="An annotated copy 加注件",
    response_class=Response,
    responses={
        **problems(400, 401, 403, 404, 409, 503),
        200: {"description": "It was made already", "content": _binary(PDF)},
        201: {
            "description": "Sealed; shows what the lookup released, for whom, why, until when",
            "content": _binary(PDF),
            "headers": {
                "Location": {
                    "description": "where the copy can be had again",
                    "schema": {"type": "string"},
                }
            },
        },
    },
)
def make_copy(
    hub: HubOf, permitted: _Copying, identifier: IdentifierPath, body: CopyIn
) -> Response:
    """Only for a department whose own lookup of this certificate was answered, and only the
    fields which that lookup released."""
    wanted = CertificateIdentifier.parse(identifier)
    document, content, new = hub.documents.copy(
        permitted, wanted, body.evidence(), reason=body.reason, valid_days=body.valid_days
    )
    answer = _file(document, content, name=str(wanted))
    answer.status_code = 201 if new else 200
    answer.headers["Location"] = f"/v1/copies/{document.id}"
    return answer


@router.get(
    "/v1/copies/{copy}",
    summary="An annotated copy again 再取加注件",
    response_class=Response,
    responses={**problems(400, 401, 403, 404, 409, 503), **_PDF},
)
def read_copy(hub: HubOf, permitted: _Copying, copy: CopyPath) -> Response:
    """For the department it was made for, until its last day of use."""
    document, content = hub.documents.copy_again(permitted, copy)
    return _file(document, content, name=str(copy))


def _file(document: Document, content: bytes, *, name: str) -> Response:
    return Response(
        content,
        media_type=document.media_type,
        headers={
            "Content-Disposition": f'attachment; filename="{name}.pdf"',
            # RFC 9530: what arrives can be compared with what was sealed.
            "Repr-Digest": f"sha-256=:{b64encode(bytes.fromhex(document.sha256)).decode()}:",
            **_HEADERS,
        },
    )


def _picture(hub: Any, permitted: Permitted, identifier: str, accept: str | None) -> Response:
    wanted = CertificateIdentifier.parse(identifier)
    media_type = picture_type(accept)
    content = hub.documents.picture(permitted, wanted, _PICTURES[media_type])
    return Response(content, media_type=media_type, headers=_HEADERS)


_HEADERS: Final = {
    "Cache-Control": "private, no-store",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; img-src data:; sandbox",
    "Vary": "Accept",
}


def picture_type(accept: str | None) -> str:
    """The kind of picture an Accept header (RFC 9110 §12.5.1) asks for; PNG where both will do.

    Raises:
        BadRequest: it accepts neither.
    """
    if accept is None:
        return "image/png"
    weights: dict[str, float] = {}
    for each in accept.split(","):
        name, *parameters = (part.strip().lower() for part in each.split(";"))
        weights[name] = _weight(parameters)
    found = {
        kind: weights.get(kind, weights.get("image/*", weights.get("*/*", 0.0)))
        for kind in _PICTURES
    }
    best = max(found, key=lambda kind: found[kind])
    if found[best] <= 0:
        raise BadRequest(
            "只提供 image/png 和 image/svg+xml。",
            "There is only image/png and image/svg+xml.",
            faults=(
                Fault("accept", "须接受 image/png 或 image/svg+xml", "must accept one of them"),
            ),
        )
    return best


def _weight(parameters: list[str]) -> float:
    for each in parameters:
        name, _, value = each.partition("=")
        if name == "q":
            try:
                return float(value)
            except ValueError:
                return 0.0
    return 1.0
