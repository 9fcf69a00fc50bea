"""Departments have their registers pulled, see how far it came, and what waits in quarantine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from connectors import Definition, load_definitions
from exchange.access import Permitted
from exchange.audit.records import prepare
from exchange.clock import Clock
from exchange.errors import Conflict, NotFound
from exchange.queue import defer
from exchange.registers import repository
from exchange.registers.records import Pull, Waiting
from exchange.unit_of_work import UnitOfWork


class Registers:
    """The room's service, on the server's side; :mod:`exchange.registers.pulling` does the work."""

    def __init__(self, work: UnitOfWork[Any, Any], clock: Clock) -> None:
        self._work = work
        self._clock = clock
        self._definitions = {each.key: each for each in load_definitions().values()}

    def of_department(self, permitted: Permitted) -> list[tuple[Definition, Pull | None]]:
        """The department's registers, each with its newest pull."""
        own = [
            each for each in self._definitions.values() if each.department == permitted.department
        ]
        with self._work.read() as connection:
            newest = repository.newest(connection, [each.key for each in own])
        return [(each, newest.get(each.key)) for each in own]

    def request_pull(self, permitted: Permitted, register: str) -> Pull:
        """Request a pull of one of the department's registers; a worker will run it.

        Raises:
            NotFound: the department has no such register.
            Conflict: a pull of it is not finished yet; ``pull`` names it.
        """
        definition = self._own(permitted, register)
        pull = self._clock.new_id()
        with self._work.begin() as work:
            added = repository.add_pull(
                work.connection,
                pull=pull,
                department=definition.department,
                register=register,
                requested_by=permitted.caller.subject,
                now=work.now,
            )
            if not added:
                running = repository.find_unfinished(work.connection, register)
                raise Conflict(
                    "该登记簿的上一次归集尚未结束。",
                    "The last pull of this register is not finished yet.",
                    members={"pull": str(running.id) if running else None},
                )
            defer(work.connection, "pull_register", {"pull": str(pull)})
            work.record(
                prepare(
                    "pull-requested",
                    work.now,
                    department=definition.department,
                    system=permitted.caller.subject,
                    key=permitted.caller.key,
                    source=register,
                    outcome="pending",
                )
            )
            work.commit()
        return self.get_pull(permitted, register, pull)

    def get_pull(self, permitted: Permitted, register: str, pull: UUID) -> Pull:
        """How far a pull has come.

        Raises:
            NotFound: the department's register has no such pull.
        """
        self._own(permitted, register)
        with self._work.read() as connection:
            found = repository.find_pull(connection, pull)
        if found is None or found.register != register:
            raise NotFound("没有该次归集。", "There is no such pull.")
        return found

    def quarantine(
        self, permitted: Permitted, register: str, *, after: int, limit: int
    ) -> list[Waiting]:
        """What waits in quarantine of one of the department's registers.

        Raises:
            NotFound: the department has no such register.
        """
        self._own(permitted, register)
        with self._work.read() as connection:
            return repository.waiting(connection, register, after=after, limit=limit)

    @property
    def definitions(self) -> Mapping[str, Definition]:
        """Every register's definition, by its key."""
        return self._definitions

    def _own(self, permitted: Permitted, register: str) -> Definition:
        definition = self._definitions.get(register)
        if definition is None or definition.department != permitted.department:
            raise NotFound("本部门没有该登记簿。", "The department has no such register.")
        return definition
