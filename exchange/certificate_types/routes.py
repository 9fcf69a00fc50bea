"""``/v1/certificate-types``: what certificates mean. Reading is public: verifiers need it."""

from __future__ import annotations

from typing import Annotated, Any, Final

import orjson
from fastapi import APIRouter, Depends, Path, Query, Response

from exchange.access import Allowed, Permitted
from exchange.certificate_types.schemas import (
    DefinitionIn,
    PublicationOut,
    TypeLineOut,
    TypeOut,
    TypesOut,
)
from exchange.http import HubOf, problems

router = APIRouter(prefix="/v1/certificate-types", tags=["certificate-types"])

TOML: Final = "application/toml"
JSON_SCHEMA: Final = "application/schema+json"
FOR_EVER: Final = {"Cache-Control": "public, max-age=31536000, immutable"}
"""A published version never changes."""

Key = Annotated[
    str, Path(pattern="^[a-z0-9-]{1,60}$", description="类型键", examples=["business-licence"])
]
Version = Annotated[int, Path(ge=1, le=9999, description="版本", examples=[1])]


def _document(media_type: str, description: str) -> dict[int | str, dict[str, Any]]:
    schema = {"type": "string"} if media_type == TOML else {"type": "object"}
    content = {media_type: {"schema": schema}}
    return {200: {"description": description, "content": content}, **problems(400, 404, 503)}


@router.get("", summary="All certificate types 证照类型目录", responses=problems(503))
def list_types(hub: HubOf) -> TypesOut:
    """The newest version of every certificate type."""
    return TypesOut(types=[TypeLineOut.of(each) for each in hub.certificate_types.all()])


@router.post(
    "",
    status_code=201,
    summary="Publish a certificate type 发布证照类型",
    responses={
        200: {
            "description": "Nothing was published: it was there already, or only checked",
            "model": PublicationOut,
        },
        **problems(400, 401, 403, 409, 503),
    },
)
def publish_type(
    hub: HubOf,
    permitted: Annotated[Permitted, Depends(Allowed("publish-type"))],
    body: DefinitionIn,
    response: Response,
    check: Annotated[
        bool, Query(description="only say what would change 仅检查、不发布", examples=[True])
    ] = False,
) -> PublicationOut:
    """Publish the next version of a type, which counts from the next certificate on.

    Its `version` follows the newest one. A version that breaks says so under `[change]`, with its
    reason. The same content again changes nothing; other content under a published version is a
    conflict. With `check=true` nothing is published.
    """
    if check:
        response.status_code = 200
        proposal = hub.certificate_types.check(permitted, body.definition)
        return PublicationOut.of(proposal, published=False)
    proposal, published = hub.certificate_types.publish(permitted, body.definition)
    response.status_code = 201 if published else 200
    return PublicationOut.of(proposal, published=published)


@router.get("/{key}", summary="A certificate type 证照类型详情", responses=problems(400, 404, 503))
def read_type(hub: HubOf, key: Key) -> TypeOut:
    """The newest version of one type, with the numbers of all its versions."""
    return TypeOut.of_found(hub.certificate_types.get(key))


@router.get(
    "/{key}/versions/{version}",
    summary="One version of a certificate type 证照类型的某一版本",
    responses=problems(400, 404, 503),
)
def read_version(hub: HubOf, key: Key, version: Version) -> TypeOut:
    """The version that a certificate names in its claim `type`: what its fields mean for ever."""
    return TypeOut.of_found(hub.certificate_types.get(key, version))


@router.get(
    "/{key}/versions/{version}/definition",
    summary="The definition's text 类型定义原文",
    response_class=Response,
    responses=_document(TOML, "The definition as it was published; its SHA-256 is `digest`"),
)
def read_definition(hub: HubOf, key: Key, version: Version) -> Response:
    """The TOML text as it was published."""
    published = hub.certificate_types.get(key, version).published
    return Response(published.definition, media_type=TOML, headers=FOR_EVER)


@router.get(
    "/{key}/versions/{version}/schema",
    summary="JSON Schema of the fields 字段的 JSON Schema",
    response_class=Response,
    responses=_document(JSON_SCHEMA, "JSON Schema 2020-12 of the object of all fields"),
)
def read_schema(hub: HubOf, key: Key, version: Version) -> Response:
    """What the fields of a certificate of this version must be."""
    kind = hub.certificate_types.get(key, version).published.kind
    return Response(orjson.dumps(kind.json_schema()), media_type=JSON_SCHEMA, headers=FOR_EVER)


@router.get(
    "/{key}/versions/{version}/metadata",
    summary="SD-JWT VC Type Metadata 类型元数据",
    response_class=Response,
    responses=_document("application/json", "Type Metadata; `vct_integrity` is over these bytes"),
)
def read_metadata(hub: HubOf, key: Key, version: Version) -> Response:
    """The Type Metadata of the `vct` `urn:yici:certificate:KEY:VERSION`: names and claims."""
    published = hub.certificate_types.get(key, version).published
    return Response(published.metadata, media_type="application/json", headers=FOR_EVER)
