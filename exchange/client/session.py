"""What a system's requests share: a token that is obtained, renewed and never shown."""

from __future__ import annotations

import threading
from typing import Any, Final

from exchange.client.credentials import Credentials
from exchange.client.problems import YiciProblem
from exchange.client.transport import Reply, Transport
from exchange.clock import Clock

_ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_RENEW_BEFORE: Final = 30.0


class Session:
    """A client's requests, each with an access token (RFC 6749 §4.4, RFC 7523).

    ``issuer`` is the hub's public address, where it is reached by another; an assertion names
    it as its audience, and so is of no use anywhere else.
    """

    def __init__(
        self,
        transport: Transport,
        client_id: str,
        credentials: Credentials,
        clock: Clock,
        *,
        issuer: str | None = None,
        scopes: tuple[str, ...] = (),
    ) -> None:
        self.client_id = client_id
        self._transport = transport
        self._credentials = credentials
        self._clock = clock
        self._audience = f"{(issuer or transport.base_url).rstrip('/')}/oauth/token"
        self._scopes = scopes
        self._lock = threading.Lock()
        self._token: str | None = None
        self._renew_at = 0.0

    def send(self, method: str, path: str, **options: Any) -> Reply:
        """Send one request with a token; one that the hub no longer takes is renewed once.

        Raises:
            YiciProblem, YiciUnreachable: as :meth:`Transport.send`.
        """
        headers = options.pop("headers", {})
        token = self._valid_token()
        try:
            return self._transport.send(
                method, path, headers={**headers, "Authorization": f"Bearer {token}"}, **options
            )
        except YiciProblem as problem:
            # The hub reads the token before anything else, so nothing was done.
            if problem.status != 401:
                raise
        self._forget(token)
        fresh = self._valid_token()
        return self._transport.send(
            method, path, headers={**headers, "Authorization": f"Bearer {fresh}"}, **options
        )

    def _valid_token(self) -> str:
        with self._lock:
            now = self._clock.now().timestamp()
            if self._token is None or now >= self._renew_at:
                self._token, seconds = self._obtain(int(now))
                self._renew_at = now + max(seconds - _RENEW_BEFORE, seconds / 2)
            return self._token

    def _forget(self, token: str) -> None:
        with self._lock:
            if self._token == token:
                self._token = None

    def _obtain(self, now: int) -> tuple[str, float]:
        assertion = self._credentials.assertion(
            self.client_id, self._audience, issued_at=now, jti=self._clock.new_id()
        )
        form = {
            "grant_type": "client_credentials",
            "client_assertion_type": _ASSERTION_TYPE,
            "client_assertion": assertion,
        }
        if self._scopes:
            form["scope"] = " ".join(self._scopes)
        # Not idempotent: an assertion that arrived once is used up.
        return self._transport.send("POST", "/oauth/token", idempotent=False, data=form).read(
            lambda answer: (str(answer["access_token"]), float(answer["expires_in"]))
        )
