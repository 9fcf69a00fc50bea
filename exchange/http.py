"""What routes share: the hub as a dependency, and the problems a route may answer with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import Depends, Request

from exchange import problems as _problems

if TYPE_CHECKING:
    from exchange.hub import Hub


def hub_of(request: Request) -> Hub:
    """The hub that serves this request."""
    hub: Hub = request.app.state.hub
    return hub


if TYPE_CHECKING:
    HubOf = Hub
else:
    HubOf = Annotated[Any, Depends(hub_of)]

PROBLEM_SCHEMA: dict[str, Any] = {
    "title": "Problem",
    "description": "RFC 9457 problem; `zh` repeats title and detail in 中文",
    "type": "object",
    "required": ["type", "status", "title", "detail", "zh"],
    "properties": {
        "type": {"type": "string", "examples": ["urn:yici:problem:bad-request"]},
        "status": {"type": "integer"},
        "title": {"type": "string"},
        "detail": {"type": "string"},
        "zh": {
            "type": "object",
            "properties": {"title": {"type": "string"}, "detail": {"type": "string"}},
        },
        "faults": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "field": {"type": "string"},
                    "zh": {"type": "string"},
                    "en": {"type": "string"},
                },
            },
        },
    },
}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The ``responses`` of a route: each status it may answer with, as a problem document."""
    found: dict[int | str, dict[str, Any]] = {}
    for status in (*statuses, 500):
        kinds = [(code, kind) for code, kind in _problems.KINDS.items() if kind.status == status]
        code, kind = kinds[0]
        found[status] = {
            "description": " / ".join(each.en for _, each in kinds),
            "content": {
                _problems.MEDIA_TYPE: {
                    "schema": {"$ref": "#/components/schemas/Problem"},
                    "example": _problems.body(code, zh=f"{kind.zh}。", en=f"{kind.en}."),
                }
            },
        }
    return found
