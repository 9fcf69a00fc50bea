"""One HTTP connection to a hub: time-outs always, repeats only where they do no harm."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import httpx

from exchange.client.problems import YiciProblem, YiciUnreachable, read_problem

MOST_TRIES: Final = 4
LONGEST_PAUSE: Final = 5.0
_FIRST_PAUSE: Final = 0.2
# The hub says of these that nothing was done, so that even a lookup may be sent again.
_NOTHING_DONE: Final = frozenset({"overloaded"})
Sleep = Callable[[float], None]
Read = TypeVar("Read")


@dataclass(frozen=True, slots=True)
class Reply:
    """A response that is no problem: its status, media type and bytes."""

    status: int
    content: bytes
    media_type: str
    headers: httpx.Headers

    def read(self, shape: Callable[[Any], Read]) -> Read:
        """What a reader makes of the JSON document.

        Raises:
            YiciProblem: ``not-understood``: the other side says it succeeded, but what it sends
                is not what the interface promises.
        """
        try:
            return shape(json.loads(self.content))
        except (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError):
            raise read_problem(self.status, None) from None

    def json(self) -> Any:
        """The JSON document. Raises YiciProblem as :meth:`read`."""
        return self.read(lambda document: document)

    @property
    def text(self) -> str:
        """The body as UTF-8 text."""
        return self.content.decode()


def listed(name: str, shape: Callable[[Any], Read]) -> Callable[[Any], list[Read]]:
    """A reader of documents that list things under a name."""
    return lambda document: [shape(each) for each in document[name]]


class Transport:
    """Sends requests. A request that never left is sent again; one that may have arrived only
    where repeating it changes nothing (``idempotent``), or where the hub says nothing was done."""

    def __init__(
        self,
        base_url: str,
        *,
        timeout: float = 30.0,
        transport: httpx.BaseTransport | None = None,
        verify: Any = True,
        sleep: Sleep = time.sleep,
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self._sleep = sleep
        # Nothing of the surroundings (proxies, netrc) may see or alter what is sent.
        self._http = httpx.Client(
            base_url=self.base_url,
            timeout=httpx.Timeout(timeout, connect=min(timeout, 5.0)),
            transport=transport,
            verify=verify,
            trust_env=False,
            headers={"Accept": "application/json, application/problem+json;q=0.9, */*;q=0.1"},
        )

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def send(
        self,
        method: str,
        path: str,
        *,
        idempotent: bool | None = None,
        headers: Mapping[str, str] | None = None,
        **content: Any,
    ) -> Reply:
        """Send one request; ``content`` is what ``httpx.Client.request`` takes.

        Raises:
            YiciProblem: the hub answered with an error.
            YiciUnreachable: no answer, after as many tries as were harmless.
        """
        repeatable = method == "GET" if idempotent is None else idempotent
        pause = _FIRST_PAUSE
        for left in reversed(range(MOST_TRIES)):
            try:
                return self._once(method, path, dict(headers or {}), content)
            except YiciProblem as problem:
                wait = _may_wait(problem, repeatable)
                if wait is None or not left:
                    raise
            except YiciUnreachable as error:
                if (error.sent and not repeatable) or not left:
                    raise
                wait = pause
            self._sleep(max(wait, pause))
            pause *= 2
        raise AssertionError("the last try returns or raises")

    def _once(self, method: str, path: str, headers: dict[str, str], content: Any) -> Reply:
        try:
            response = self._http.request(method, path, headers=headers, **content)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout):
            raise YiciUnreachable(
                "无法连接枢纽,请求未发出", "the hub cannot be reached; nothing was sent", sent=False
            ) from None
        except httpx.TransportError as error:
            raise YiciUnreachable(
                "枢纽没有答复,请求可能已到达",
                f"the hub did not answer ({type(error).__name__}); the request may have arrived",
                sent=True,
            ) from None
        if response.is_success:
            return Reply(
                response.status_code,
                response.content,
                response.headers.get("content-type", "").partition(";")[0],
                response.headers,
            )
        raise problem_of(response)


def problem_of(response: httpx.Response) -> YiciProblem:
    """The problem a response carries."""
    try:
        document = response.json()
    except ValueError:
        document = None
    after = response.headers.get("retry-after", "")
    return read_problem(
        response.status_code,
        document,
        retry_after=float(after) if after.isdigit() else None,
    )


def _may_wait(problem: YiciProblem, repeatable: bool) -> float | None:
    if problem.status != 503 or not (repeatable or problem.code in _NOTHING_DONE):
        return None
    wait = problem.retry_after or 0.0
    return wait if wait <= LONGEST_PAUSE else None
