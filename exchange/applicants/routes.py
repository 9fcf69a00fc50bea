"""``/v1/me``: one's own cases, documents and the lookups of one's own data."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request

from exchange.access import Allowed, Permitted
from exchange.applicants.schemas import DocumentsOut, LookupsOut, MeOut, SeenOut, UploadOut
from exchange.cases.schemas import CaseOut, CasesOut, DocumentOut
from exchange.http import HubOf, problems
from exchange.uploads import Upload, receive_file
from policies.decisions import Decision, no_rule_for_act

router = APIRouter(prefix="/v1/me", tags=["applicants"])

_Reading = Annotated[Permitted, Depends(Allowed("read-own", own=True))]
_Limit = Annotated[int, Query(ge=1, le=100)]


def _applicant_gives(
    hub: HubOf,
    permitted: Annotated[Permitted, Depends(Allowed("upload-material", own=True))],
) -> Permitted:
    # Departments' systems may upload to their own cases, but not through the applicant's door.
    caller = permitted.caller
    if caller.holder_key is None:
        reason = no_rule_for_act(caller.kind, caller.department, permitted.act)
        policy = permitted.decision.policy_set
        refused = Decision(False, (reason.rule,), (reason,), {}, (), policy)
        raise hub.access.refuse(caller, permitted.act, refused, {})
    return permitted


_Giving = Annotated[Permitted, Depends(_applicant_gives)]


async def _received(request: Request, permitted: _Giving) -> Upload:
    # Asking for the permission here has the token read before a byte of the body is.
    del permitted
    return await receive_file(request, request.app.state.hub.settings.upload_max_bytes)


@router.get("", summary="Who am I 本人信息", responses=problems(401, 403, 503))
def read_me(hub: HubOf, permitted: _Reading) -> MeOut:
    """Who is signed in."""
    return MeOut.of(hub.applicants.get(permitted))


@router.get("/cases", summary="My cases 我的办件", responses=problems(400, 401, 403, 503))
def list_cases(
    hub: HubOf, permitted: _Reading, before: UUID | None = None, limit: _Limit = 50
) -> CasesOut:
    """The cases about the applicant with their checklists, newest first."""
    found = hub.cases.of_applicant(permitted, before=before, limit=limit)
    return CasesOut(
        cases=[CaseOut.of(each) for each in found],
        next=found[-1].case.id if len(found) == limit else None,
    )


@router.get("/materials", summary="My documents 我的材料", responses=problems(400, 401, 403, 503))
def list_materials(
    hub: HubOf, permitted: _Reading, before: UUID | None = None, limit: _Limit = 50
) -> DocumentsOut:
    """The documents the applicant gave, newest first."""
    found = hub.cases.documents_of_applicant(permitted, before=before, limit=limit)
    return DocumentsOut(
        documents=[DocumentOut.of(each) for each in found],
        next=found[-1].id if len(found) == limit else None,
    )


@router.post(
    "/cases/{case}/materials/{material}",
    status_code=201,
    summary="Give a document 提交材料",
    responses=problems(400, 401, 403, 404, 409, 413, 415, 503),
    openapi_extra={
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
                                "description": "one PDF, PNG or JPEG",
                            }
                        },
                    }
                }
            },
        }
    },
)
def give_document(
    hub: HubOf,
    permitted: _Giving,
    case: UUID,
    material: str,
    upload: Annotated[Upload, Depends(_received)],
) -> UploadOut:
    """Give one PDF, PNG or JPEG for a material. The same content again changes nothing."""
    given = hub.cases.giving.by_upload(
        permitted, case, material, content=upload.content, file_name=upload.file_name
    )
    return UploadOut(
        new=given.new, document=DocumentOut.of(given.document), case=CaseOut.of(given.file)
    )


@router.get(
    "/lookups",
    summary="Who looked at my data 我的数据被查验记录",
    responses=problems(400, 401, 403, 503),
)
def list_lookups(
    hub: HubOf,
    permitted: _Reading,
    before: Annotated[int | None, Query(ge=0, le=(1 << 53) - 1)] = None,
    limit: _Limit = 50,
) -> LookupsOut:
    """Every lookup of the applicant's data and every reading of a document, newest first.

    Refused attempts are among them.
    """
    found, snapshot = hub.applicants.seen(permitted, before=before, limit=limit)
    return LookupsOut(
        lookups=[SeenOut.of(each, snapshot) for each in found],
        next=found[-1].index if len(found) == limit else None,
    )
