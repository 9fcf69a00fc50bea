"""Authenticates systems and applicants, and says who stands behind a token."""

from __future__ import annotations

import contextlib
from datetime import timedelta
from functools import cached_property
from typing import Any, Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from certstore.holders import holder_key
from exchange.access import Caller, disabled
from exchange.audit.records import prepare
from exchange.clock import Clock
from exchange.errors import HubError, Unauthenticated
from exchange.governance.snapshot import Governance
from exchange.keyring.service import Keyring
from exchange.tokens import assertions, repository
from exchange.tokens.access_tokens import AccessTokens, UnknownKey
from exchange.tokens.repository import Applicant
from exchange.unit_of_work import UnitOfWork, Work

MOST_FAILURES: Final = 5
LOCKED_FOR: Final = timedelta(minutes=15)


class TooManyAttempts(HubError):
    """The account is locked for a while."""

    code = "too-many-attempts"


class Tokens:
    """The room's service."""

    def __init__(
        self,
        work: UnitOfWork[Any, Any],
        governance: Governance,
        clock: Clock,
        keys: Keyring,
        *,
        issuer: str,
        seconds: int,
        holder_hmac_key: bytes,
    ) -> None:
        self._work = work
        self._governance = governance
        self._clock = clock
        self._tokens = AccessTokens(issuer, keys)
        self._keys = keys
        self._issuer = issuer
        self._seconds = seconds
        self._holder_hmac_key = holder_hmac_key
        self._hasher = PasswordHasher()

    @property
    def reader(self) -> AccessTokens:
        """Reads tokens without asking the database; its user asks whether they still hold."""
        return self._tokens

    @property
    def seconds(self) -> int:
        """How long a token lives."""
        return self._seconds

    def authenticate(self, assertion: str, scope: str | None) -> tuple[str, frozenset[str]]:
        """Exchange a client assertion for an access token and its scopes (RFC 6749 §4.4).

        Raises:
            InvalidClient: unknown client, disabled, or an assertion that does not hold.
        """
        try:
            client_id = assertions.claimed_client(assertion)
            caller = self._authenticated(client_id, assertion, scope)
        except HubError as refused:
            # A claimed client that is not registered is any stranger's text: it is not kept.
            self._record_refusal(assertion, refused)
            raise
        return self._mint(caller), caller.scopes

    def _authenticated(self, client_id: str, assertion: str, scope: str | None) -> Caller:
        with self._work.begin() as work:
            system = self._governance.current(work.connection).systems.get(client_id)
            if system is None or system.disabled_at is not None:
                raise assertions.InvalidClient("应用系统未登记或已停用。", "Unknown client.")
            verified = assertions.verify(
                assertion,
                client_id,
                system.jwks,
                audiences=(f"{self._issuer}/oauth/token", self._issuer),
                now=work.now,
            )
            if not repository.use_assertion(work.connection, verified):
                raise assertions.InvalidClient(
                    "断言已被使用过,jti 须每次不同。",
                    "The assertion was used before; jti must be new each time.",
                )
            asked = frozenset((scope or "").split())
            if asked - system.scopes:
                raise HubError(
                    "申请的 scope 未登记。",
                    "A scope was asked for that is not registered.",
                    code="bad-request",
                    members={"error": "invalid_scope"},
                )
            repository.forget_expired_assertions(work.connection, work.now)
            work.record(
                prepare(
                    "token-issued",
                    work.now,
                    department=system.department,
                    system=client_id,
                    key=verified.key or None,
                    outcome="done",
                )
            )
            work.commit()
        return Caller(
            "system", client_id, system.department, asked or system.scopes, key=verified.key
        )

    def _record_refusal(self, assertion: str, refused: HubError) -> None:
        with self._work.begin() as work:
            systems = self._governance.current(work.connection).systems
            try:
                system = systems.get(assertions.claimed_client(assertion))
            except assertions.InvalidClient:
                system = None
            work.record(
                prepare(
                    "token-refused",
                    work.now,
                    department=system.department if system else None,
                    system=system.client_id if system else None,
                    outcome="refused",
                    reason=str(refused.members.get("error", refused.code)),
                )
            )
            work.commit()

    def sign_in(self, account: str, password: str) -> tuple[str, Applicant]:
        """Sign an applicant in with the built-in provider.

        An unknown account costs the same time as a wrong password, and reads the same.

        Raises:
            Unauthenticated: account or password is wrong.
            TooManyAttempts: the account is locked for a while.
        """
        with self._work.begin() as work:
            applicant = repository.find_applicant(work.connection, account, for_update=True)
            if applicant and applicant.locked_until and applicant.locked_until > work.now:
                self._refuse_sign_in(work, applicant, "too-many-attempts")
                raise TooManyAttempts(
                    "尝试次数过多,请15分钟后再试。",
                    "Too many attempts; try again in 15 minutes.",
                    headers={"Retry-After": str(int(LOCKED_FOR.total_seconds()))},
                )
            right = self._matches(applicant.password_hash if applicant else self._nobody, password)
            if applicant is None or not right:
                if applicant is not None:
                    failures = applicant.failed_sign_ins + 1
                    locked = work.now + LOCKED_FOR if failures % MOST_FAILURES == 0 else None
                    repository.set_sign_in_failures(work.connection, applicant.id, failures, locked)
                self._refuse_sign_in(work, applicant, "unauthenticated")
                raise Unauthenticated("账号或密码不正确。", "The account or password is wrong.")
            repository.set_sign_in_failures(work.connection, applicant.id, 0, None)
            work.record(prepare("sign-in", work.now, holder=applicant.holder_key, outcome="done"))
            work.commit()
        caller = Caller(
            "applicant", str(applicant.id), None, frozenset(), holder_key=applicant.holder_key
        )
        return self._mint(caller), applicant

    def register_applicant(
        self, account: str, password: str, *, id_type: str, holder_id: str, name: str
    ) -> Applicant:
        """Register an account of the built-in provider (for the embedded default and tests)."""
        applicant = Applicant(
            id=self._clock.new_id(),
            account=account,
            password_hash=self._hasher.hash(password),
            holder_id_type=id_type,
            holder_id=holder_id,
            holder_name=name,
            holder_key=holder_key(self._holder_hmac_key, id_type, holder_id),
            failed_sign_ins=0,
            locked_until=None,
        )
        with self._work.begin() as work:
            repository.put_applicant(work.connection, applicant, work.now)
            work.commit()
        return applicant

    def caller(self, token: str) -> Caller:
        """Who stands behind a token.

        Raises:
            Unauthenticated: the token does not hold, or its system was disabled since.
        """
        now = self._clock.now()
        # What no register could make good is refused before the database is asked.
        with contextlib.suppress(UnknownKey):
            self._tokens.read(token, now)
        with self._work.read() as connection:
            snapshot = self._governance.current(connection)
            self._keys.at(snapshot.revision, connection)
        caller = self._tokens.read(token, now)
        if disabled(snapshot, caller):
            raise Unauthenticated("应用系统已停用。", "The system has been disabled.")
        return caller

    def _refuse_sign_in(
        self, work: Work[Any, Any], applicant: Applicant | None, reason: str
    ) -> None:
        holder = applicant.holder_key if applicant else None
        work.record(prepare("sign-in", work.now, holder=holder, outcome="refused", reason=reason))
        work.commit()

    @cached_property
    def _nobody(self) -> str:
        return self._hasher.hash("nobody has this password")

    def _mint(self, caller: Caller) -> str:
        return self._tokens.mint(
            caller,
            token_id=str(self._clock.new_id()),
            now=self._clock.now(),
            seconds=self._seconds,
        )

    def _matches(self, password_hash: str, password: str) -> bool:
        try:
            return self._hasher.verify(password_hash, password)
        except (VerificationError, InvalidHashError):
            return False
