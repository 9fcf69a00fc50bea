"""Publishes and reads service items."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from exchange.access import Access, Permitted
from exchange.audit.records import prepare
from exchange.errors import NotFound
from exchange.governance.snapshot import raise_revision
from exchange.items import repository
from exchange.items.definitions import Item, digest
from exchange.unit_of_work import UnitOfWork


class Items:
    """The room's service."""

    def __init__(self, work: UnitOfWork[Any, Any], access: Access) -> None:
        self._work = work
        self._access = access

    def all(self) -> list[Item]:
        """The newest version of every item. Items are public."""
        return sorted(self._access.snapshot().items.values(), key=lambda item: item.code)

    def get(self, code: str) -> Item:
        """The newest version of one item.

        Raises:
            NotFound: there is no such item.
        """
        item = self._access.snapshot().items.get(code)
        if item is None:
            raise NotFound("没有该编码的事项。", "There is no service item of that code.")
        return item

    def publish(self, permitted: Permitted, definition: Mapping[str, Any]) -> Item:
        """Publish a definition as the item's next version; the same definition changes nothing.

        Raises:
            BadRequest: the definition has faults; each is named.
        """
        item = Item.from_json(definition, version=1)
        new = digest(definition)
        with self._work.begin() as work:
            newest = repository.find_newest(work.connection, item.code)
            if newest is not None and newest[1] == new:
                return Item.from_json(definition, version=newest[0])
            version = newest[0] + 1 if newest else 1
            repository.add(
                work.connection,
                code=item.code,
                version=version,
                digest=new,
                definition=definition,
                now=work.now,
            )
            raise_revision(work.connection)
            work.record(
                prepare(
                    "item-published",
                    work.now,
                    department=item.department,
                    system=permitted.caller.subject,
                    key=permitted.caller.key,
                    item=item.code,
                    revision=version,
                    result=new,
                    outcome="done",
                )
            )
            work.commit()
        return Item.from_json(definition, version=version)
