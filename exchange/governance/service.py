"""Publishes what governs: policy sets, departments, systems. Each raises the revision."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from stdnum.cn import uscc

from certstore.types import sample_texts
from exchange.access import Caller, Permitted
from exchange.audit.records import PreparedRecord, prepare
from exchange.departments.records import SCOPES, Department, System
from exchange.errors import BadRequest, Fault
from exchange.governance import repository
from exchange.governance.snapshot import Governance, raise_revision
from exchange.governance.types import Proposal, add_type, propose
from exchange.unit_of_work import UnitOfWork
from policies.engine import PolicyEngine
from policies.errors import RuleSetError

_KEY_KINDS: Final = {("EC", "P-256"), ("OKP", "Ed25519"), ("RSA", None)}
_PRIVATE_MEMBERS: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "k"})


class Publishing:
    """The room's service; used from the command line, where the operating system says who may."""

    def __init__(self, work: UnitOfWork[Any, Any], governance: Governance) -> None:
        self._work = work
        self._governance = governance

    def publish_policy(self, rules: str, *, by: str) -> int:
        """Publish a policy set; the same rules again change nothing. Its version.

        Raises:
            BadRequest: the rules have faults; each is named.
        """
        try:
            engine = PolicyEngine.from_text(rules)
        except RuleSetError as error:
            raise BadRequest(
                "规则有误,请按 faults 逐项修正。",
                "The rules have faults; mend each one.",
                faults=tuple(
                    Fault(f"{fault.source} {fault.rule}".strip(), fault.zh, fault.en)
                    for fault in error.faults
                ),
            ) from None
        with self._work.begin() as work:
            repository.lock(work.connection)
            newest = repository.find_newest_policy(work.connection)
            if newest is not None and newest[1] == engine.digest:
                return newest[0]
            version = newest[0] + 1 if newest else 1
            repository.add_policy(
                work.connection,
                version=version,
                digest=engine.digest,
                rules=rules,
                by=by,
                now=work.now,
            )
            raise_revision(work.connection)
            work.record(
                prepare(
                    "policy-published",
                    work.now,
                    policy=engine.digest,
                    revision=version,
                    outcome="done",
                )
            )
            work.commit()
        return version

    def check_type(self, text: str) -> Proposal:
        """What publishing a certificate type's definition would do; nothing is done.

        Raises:
            BadRequest: it is no sound definition; each fault is named.
        """
        with self._work.read() as connection:
            return propose(text, self._governance.current(connection).type_versions)

    def publish_type(
        self, text: str, *, by: str, permitted: Permitted | None = None
    ) -> tuple[Proposal, bool]:
        """Publish a version of a certificate type; True where it was not there before.

        Without ``permitted`` it is published at the command line.

        Raises:
            BadRequest: it is no sound definition; each fault is named.
            Conflict: it is not the next version, or breaks without saying so.
        """
        with self._work.begin() as work:
            repository.lock(work.connection)
            snapshot = self._governance.current(work.connection)
            proposal = propose(text, snapshot.type_versions)
            proposal.check()
            if not proposal.new:
                return proposal, False
            add_type(work.connection, proposal, by=by, now=work.now)
            raise_revision(work.connection)
            work.record(_type_published(proposal, by, permitted, work.now))
            work.commit()
        return proposal, True

    def publish_samples(self, *, by: str) -> list[str]:
        """Publish what is missing of the packaged certificate types. The keys of those published.

        What does not follow on what is published is left out: a type that somebody has defined
        otherwise, or of which a later version is there, stays as it is.
        """
        published = []
        with self._work.begin() as work:
            repository.lock(work.connection)
            versions = dict(self._governance.current(work.connection).type_versions)
            for text in sample_texts():
                proposal = propose(text, versions)
                kind = proposal.kind
                if not proposal.new or proposal.obstacles:
                    continue
                add_type(work.connection, proposal, by=by, now=work.now)
                work.record(_type_published(proposal, by, None, work.now))
                published.append(kind.key)
            if published:
                raise_revision(work.connection)
                work.commit()
        return published

    def register_department(self, department: Department) -> None:
        """Register a department or rename it.

        Raises:
            BadRequest: its code is no unified social credit code (GB 32100).
        """
        if not uscc.is_valid(department.code):
            raise BadRequest(
                "部门代码不是有效的统一社会信用代码。",
                "The department's code is not a valid unified social credit code.",
                faults=(Fault("code", "校验位不符", "its check character does not fit"),),
            )
        with self._work.begin() as work:
            repository.lock(work.connection)
            if not repository.put_department(work.connection, department, work.now):
                return
            raise_revision(work.connection)
            work.record(
                prepare(
                    "department-registered", work.now, department=department.code, outcome="done"
                )
            )
            work.commit()

    def register_system(self, system: System) -> None:
        """Register a system, or replace its keys and scopes.

        Raises:
            BadRequest: unknown scopes, or keys that cannot be used; each is named.
        """
        faults = [
            Fault("scopes", f"未知权限范围 {scope}", f"unknown scope {scope}")
            for scope in sorted(system.scopes - SCOPES)
        ]
        faults += _key_faults(system.jwks)
        if faults:
            raise BadRequest(
                "应用系统登记有误,请按 faults 逐项修正。",
                "The system's registration has faults; mend each one.",
                faults=tuple(faults),
            )
        with self._work.begin() as work:
            repository.lock(work.connection)
            snapshot = self._governance.current(work.connection)
            if system.department not in snapshot.departments:
                raise BadRequest(
                    "该部门尚未登记。",
                    "The system's department is not registered.",
                    faults=(Fault("department", "须先登记部门", "register it first"),),
                )
            known = snapshot.systems.get(system.client_id)
            if known == system:
                return
            repository.put_system(work.connection, system, work.now)
            raise_revision(work.connection)
            work.record(
                prepare(
                    "system-changed" if known else "system-registered",
                    work.now,
                    department=system.department,
                    system=system.client_id,
                    outcome="done",
                )
            )
            work.commit()

    def disable_system(self, client_id: str) -> None:
        """Disable a system; its tokens stop at once."""
        with self._work.begin() as work:
            repository.lock(work.connection)
            system = self._governance.current(work.connection).systems.get(client_id)
            if system is None:
                raise BadRequest("没有该应用系统。", "There is no such system.")
            repository.put_system(work.connection, replace(system, disabled_at=work.now), work.now)
            raise_revision(work.connection)
            work.record(
                prepare(
                    "system-changed",
                    work.now,
                    department=system.department,
                    system=client_id,
                    outcome="done",
                )
            )
            work.commit()


def operator(account: str) -> Caller:
    """Who acts at the command line: an operator of the hub itself."""
    return Caller("operator", account, None, frozenset({"governance"}))


def _type_published(
    proposal: Proposal, by: str, permitted: Permitted | None, now: datetime
) -> PreparedRecord:
    kind = proposal.kind
    caller = permitted.caller if permitted else None
    return prepare(
        "type-published",
        now,
        act="publish-type",
        department=caller.department if caller else None,
        system=by if caller and caller.kind == "system" else None,
        key=caller.key if caller else None,
        policy=permitted.decision.policy_set if permitted else None,
        rules=permitted.decision.rules if permitted else None,
        type=kind.key,
        revision=kind.version,
        result=proposal.digest,
        reason="breaking" if proposal.breaking else "compatible",
        outcome="done",
    )


def _key_faults(jwks: Mapping[str, Any]) -> list[Fault]:
    keys = jwks.get("keys")
    if not isinstance(keys, list) or not keys:
        return [Fault("jwks/keys", "至少须有一个公钥", "needs at least one public key")]
    faults = []
    for number, key in enumerate(keys):
        place = f"jwks/keys/{number}"
        if _PRIVATE_MEMBERS & set(key):
            faults.append(Fault(place, "含私钥成分,只可登记公钥", "holds private parts"))
        curve = key.get("crv") if key.get("kty") != "RSA" else None
        if (key.get("kty"), curve) not in _KEY_KINDS:
            faults.append(
                Fault(place, "须为 P-256、Ed25519 或 RSA 公钥", "must be P-256, Ed25519 or RSA")
            )
        if not key.get("kid"):
            faults.append(Fault(f"{place}/kid", "不能为空", "must be given"))
    return faults
