"""``/v1/items``: the catalogue of service items. Reading it is public, as the law has it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends

from exchange.access import Allowed, Permitted
from exchange.http import HubOf, problems
from exchange.items.schemas import ItemIn, ItemOut, ItemsOut

router = APIRouter(prefix="/v1/items", tags=["items"])


@router.get("", summary="All service items 事项目录", responses=problems(503))
def list_items(hub: HubOf) -> ItemsOut:
    """The newest version of every service item, with its materials and how each is satisfied."""
    return ItemsOut(items=[ItemOut.of(item) for item in hub.items.all()])


@router.get("/{code}", summary="One service item 事项详情", responses=problems(404, 503))
def read_item(hub: HubOf, code: str) -> ItemOut:
    """The newest version of one service item."""
    return ItemOut.of(hub.items.get(code))


@router.post(
    "",
    status_code=201,
    summary="Publish a service item 发布事项",
    responses=problems(400, 401, 403, 503),
)
def publish_item(
    hub: HubOf,
    permitted: Annotated[Permitted, Depends(Allowed("publish-item"))],
    item: ItemIn,
) -> ItemOut:
    """Publish the next version of an item; the same definition again changes nothing."""
    return ItemOut.of(hub.items.publish(permitted, item.definition()))
