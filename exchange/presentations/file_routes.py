"""``/v1/verifications/files``: a PDF, a picture or an SD-JWT VC is uploaded and verified."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request

from exchange.access import Permitted
from exchange.certificates.routes import caller_or_visitor
from exchange.certificates.verification_schemas import VerificationOut
from exchange.http import HubOf, problems
from exchange.uploads import Upload, receive_file

router = APIRouter(tags=["certificates"])


def _verifying(request: Request) -> Permitted:
    hub = request.app.state.hub
    caller = caller_or_visitor(request)
    permitted: Permitted = hub.access.permit(
        caller, "verify-certificate", resource_department=caller.department
    )
    return permitted


_Verifying = Annotated[Permitted, Depends(_verifying)]


async def _received(request: Request, permitted: _Verifying) -> Upload:
    # Asking for the permission here has the token read before a byte of the body is.
    del permitted
    return await receive_file(request, request.app.state.hub.settings.upload_max_bytes)


@router.post(
    "/v1/verifications/files",
    summary="Verify a file 核验证照文件",
    responses=problems(400, 401, 403, 413, 415, 503),
    openapi_extra={
        "security": [{}, {"bearer": []}],
        "requestBody": {
            "required": True,
            "content": {
                "multipart/form-data": {
                    "schema": {
                        "type": "object",
                        "required": ["file"],
                        "properties": {
                            "file": {
                                "type": "string",
                                "format": "binary",
                                "description": (
                                    "a sealed PDF, an SD-JWT VC, or a PNG or JPEG with the "
                                    "certificate's QR code in it"
                                ),
                            }
                        },
                    }
                }
            },
        },
    },
)
def verify_file(
    hub: HubOf, permitted: _Verifying, upload: Annotated[Upload, Depends(_received)]
) -> VerificationOut:
    """The verdict on a file. Anyone may ask; PDFs and pictures are opened in a child process."""
    return VerificationOut.of(hub.certificates.verifications.of_file(permitted, upload.content))
