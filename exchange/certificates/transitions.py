"""What an issuer may do to a certificate, and when. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from certstore.status import State
from exchange.errors import Conflict


@dataclass(frozen=True, slots=True)
class Transition:
    """One act: its kind in the log, its operation code, and where it leads from where."""

    kind: str
    operation: str
    state: State
    allowed_from: frozenset[State]


_LIVING: Final = frozenset({State.VALID, State.SUSPENDED})

SUSPENSION: Final = Transition("suspend", "03", State.SUSPENDED, frozenset({State.VALID}))
REINSTATEMENT: Final = Transition("restore", "06", State.VALID, frozenset({State.SUSPENDED}))
REVOCATIONS: Final[Mapping[str, Transition]] = {
    state.code: Transition("revoke", "05", state, _LIVING)
    for state in (State.WITHDRAWN, State.CANCELLED, State.REVOKED)
}
"""By the state they lead to: 03 撤销, 04 注销, 07 吊销."""


def check_transition(transition: Transition, *, version: int, newest: int, state: State) -> None:
    """Raise Conflict, saying why, where the act may not be done to this version now.

    ``state`` is the one stated by the last event; a certificate past its last day may still be
    revoked.
    """
    if version != newest:
        raise Conflict(
            f"该版本已被第{newest:03d}版取代,请对最新版本操作。",
            f"This version was superseded by version {newest:03d}; act on the newest one.",
            members={"newest_version": newest},
        )
    if state not in transition.allowed_from:
        raise Conflict(
            f"证照当前状态为“{state.zh}”,不能执行此操作。",
            f"The certificate is {state.en}, which does not allow this.",
            members={"state": state.code},
        )
