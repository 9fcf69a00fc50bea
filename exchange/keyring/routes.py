"""The root's certificate and its revocation list, for whoever checks a path to it."""

from __future__ import annotations

from cryptography.hazmat.primitives.serialization import Encoding
from fastapi import APIRouter, Response

from exchange.errors import NotFound
from exchange.http import HubOf, problems

router = APIRouter(tags=["certificates"])

CRL = "application/pkix-crl"
CERTIFICATE = "application/pkix-cert"
_BINARY = {"type": "string", "format": "binary"}
_AN_HOUR = {"Cache-Control": "public, max-age=3600"}


@router.get(
    "/v1/root",
    summary="The root certificate 根证书",
    response_class=Response,
    responses={
        200: {
            "description": "The root's X.509 certificate, DER (RFC 2585)",
            "content": {CERTIFICATE: {"schema": _BINARY}},
        },
        **problems(404, 503),
    },
)
def read_root(hub: HubOf) -> Response:
    """Public: the root that certifies departments' keys.

    Compare its fingerprint with one that came another way before trusting it.
    """
    root = hub.keys.current().root
    if root is None:
        raise NotFound("尚无根证书。", "There is no root certificate.")
    return Response(
        root.certificate.public_bytes(Encoding.DER), media_type=CERTIFICATE, headers=_AN_HOUR
    )


@router.get(
    "/v1/crl",
    summary="The root's revocation list 吊销列表",
    response_class=Response,
    responses={
        200: {
            "description": "The root's complete X.509 revocation list, DER (RFC 5280, RFC 2585)",
            "content": {CRL: {"schema": _BINARY}},
        },
        **problems(404, 503),
    },
)
def read_crl(hub: HubOf) -> Response:
    """Public: which departments' keys are compromised or cut off, signed by the root."""
    crl = hub.keys.crl()
    if crl is None:
        raise NotFound("尚无吊销列表。", "There is no revocation list.")
    return Response(
        crl.public_bytes(Encoding.DER), media_type=CRL, headers={"Cache-Control": "no-cache"}
    )
