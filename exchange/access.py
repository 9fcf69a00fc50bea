"""Who asks, and may they. The only place that mints a :class:`Permitted`.

Services take a ``Permitted`` for what they are asked to do, so a route that forgot to ask
cannot call them. A refusal stands in the log before it is raised.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from fastapi import Request

from exchange.audit.records import prepare
from exchange.errors import Refused, Unauthenticated
from exchange.governance.snapshot import Governance, Snapshot
from exchange.unit_of_work import UnitOfWork
from policies.decisions import Decision
from policies.requests import ActRequest

_MINT: Final = object()


@dataclass(frozen=True, slots=True)
class Caller:
    """Who stands behind a request: a department's system, or an applicant.

    ``key`` is the RFC 7638 thumbprint of the key that proved a system's identity.
    ``holder_key`` is the HMAC of the applicant's holder id. ``token_key`` is the kid of the key
    that signed the access token.
    """

    kind: str
    subject: str
    department: str | None
    scopes: frozenset[str]
    key: str | None = None
    holder_key: bytes | None = None
    token_key: str | None = None


class Permitted:
    """Proof that the policy allowed one act to one caller. Minted here only."""

    __slots__ = ("act", "caller", "decision")

    def __init__(self, mint: object, act: str, caller: Caller, decision: Decision) -> None:
        if mint is not _MINT:
            raise TypeError("only exchange.access can permit")
        self.act = act
        self.caller = caller
        self.decision = decision

    @property
    def department(self) -> str:
        """The acting department; permitted acts of systems always have one."""
        if self.caller.department is None:
            raise TypeError(f"{self.act} is no act of a department")
        return self.caller.department

    @property
    def holder_key(self) -> bytes:
        """The acting applicant's holder key."""
        if self.caller.holder_key is None:
            raise TypeError(f"{self.act} is no act of an applicant")
        return self.caller.holder_key


class Access:
    """Asks the policy about every act that is not a lookup."""

    def __init__(self, governance: Governance, work: UnitOfWork[Any, Any]) -> None:
        self._governance = governance
        self._work = work

    def snapshot(self) -> Snapshot:
        """Everything that governs, as of now."""
        with self._work.read() as connection:
            return self._governance.current(connection)

    def permit(
        self,
        caller: Caller,
        act: str,
        *,
        resource_department: str | None = None,
        own: bool = False,
        authorization: str = "none",
        about: Mapping[str, Any] | None = None,
    ) -> Permitted:
        """Permit one act or refuse it.

        ``about`` are members of the refusal's record (case, item, material …).

        Raises:
            Refused: with the rules and the reason, after the refusal stands in the log.
        """
        decision = self.snapshot().policy.decide_act(
            ActRequest(
                actor_kind=caller.kind,
                department=caller.department,
                scopes=caller.scopes,
                act=act,
                resource_department=resource_department,
                own=own,
                authorization=authorization,
            )
        )
        if decision.allowed:
            return Permitted(_MINT, act, caller, decision)
        raise self.refuse(caller, act, decision, about or {})

    def refuse(
        self, caller: Caller, act: str, decision: Decision, about: Mapping[str, Any]
    ) -> Refused:
        """Write the refusal down, then give the error to raise."""
        with self._work.begin() as work:
            work.record(
                prepare(
                    "refusal",
                    work.now,
                    act=act,
                    department=caller.department,
                    system=caller.subject if caller.kind == "system" else None,
                    key=caller.key,
                    policy=decision.policy_set,
                    rules=decision.rules,
                    outcome="refused",
                    reason=decision.reasons[0].rule,
                    **{"holder": caller.holder_key, **about},
                )
            )
            appended = work.commit()
        return refusal(decision, record=appended.first_index if appended else None)


def refusal(decision: Decision, *, record: int | None) -> Refused:
    """The error of a decision that does not allow, with every reason it has."""
    return Refused(
        "；".join(reason.zh for reason in decision.reasons),
        " ".join(reason.en for reason in decision.reasons),
        members={
            "reasons": [
                {"rule": reason.rule, "zh": reason.zh, "en": reason.en}
                for reason in decision.reasons
            ],
            "policy": decision.policy_set,
            "record": record,
        },
    )


ResourceOf = Callable[[Request], str | None]


class Allowed:
    """A route's dependency: the token is read, the policy is asked, the proof is handed over.

    ``resource`` says from the request whose property is touched, by default the caller's own:
    services then find nothing that belongs to others. ``own`` says that the act concerns the
    acting applicant's own things, as every ``/v1/me`` route does by construction.
    """

    def __init__(self, act: str, *, resource: ResourceOf | None = None, own: bool = False) -> None:
        self.act = act
        self.resource = resource
        self.own = own

    def __call__(self, request: Request) -> Permitted:
        hub = request.app.state.hub
        caller = hub.tokens.caller(bearer(request))
        return hub.access.permit(  # type: ignore[no-any-return]
            caller,
            self.act,
            resource_department=(self.resource(request) if self.resource else caller.department),
            own=self.own,
        )


def bearer(request: Request) -> str:
    """The token of the Authorization header (RFC 6750 §2.1).

    Raises:
        Unauthenticated: there is none.
    """
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Unauthenticated(
            "请在 Authorization 头中提供 Bearer 访问令牌(见 /oauth/token)。",
            "Give a bearer access token in the Authorization header (see /oauth/token).",
        )
    return token


def disabled(snapshot: Snapshot, caller: Caller) -> bool:
    """True where a system was disabled or removed after its token was issued."""
    if caller.kind != "system":
        return False
    system = snapshot.systems.get(caller.subject)
    return system is None or system.disabled_at is not None


__all__ = ["Access", "Allowed", "Caller", "Permitted", "bearer", "disabled", "refusal"]
