"""Requests are repeated where that does no harm, and nowhere else; every one has a time-out."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from exchange.client.problems import YiciProblem, YiciUnreachable
from exchange.client.transport import LONGEST_PAUSE, MOST_TRIES, Transport

Answer = tuple[int, dict[str, str], bytes] | None


class Counterpart:
    """A real HTTP server that answers from a list, hanging up where the list says None."""

    def __init__(self, answers: list[Answer]) -> None:
        self.answers = answers
        self.asked: list[str] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def _answer(self) -> None:
                self.rfile.read(int(self.headers.get("content-length", 0)))
                outer.asked.append(f"{self.command} {self.path}")
                answer = outer.answers.pop(0) if len(outer.answers) > 1 else outer.answers[0]
                if answer is None:
                    self.connection.shutdown(socket.SHUT_RDWR)
                    self.close_connection = True
                    return
                status, headers, body = answer
                self.send_response(status)
                for name, value in {"Content-Length": str(len(body)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def do_GET(self) -> None:
                self._answer()

            def do_POST(self) -> None:
                self._answer()

            def log_message(self, *_: object) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def problem(status: int, code: str, **headers: str) -> Answer:
    document = {
        "type": f"urn:yici:problem:{code}",
        "status": status,
        "title": "Title",
        "detail": "In English.",
        "zh": {"title": "标题", "detail": "中文。"},
        "faults": [{"field": "/item", "zh": "缺失", "en": "missing"}],
    }
    return (
        status,
        {"Content-Type": "application/problem+json", **headers},
        json.dumps(document).encode(),
    )


OK: Answer = (200, {"Content-Type": "application/json"}, b'{"done": true}')
BUSY = problem(503, "overloaded", **{"Retry-After": "1"})
DOWN = problem(503, "unavailable", **{"Retry-After": "5"})


@pytest.fixture
def pauses() -> list[float]:
    return []


@pytest.fixture
def against(pauses: list[float]) -> Iterator[Callable[..., tuple[Transport, Counterpart]]]:
    open_ones: list[tuple[Transport, Counterpart]] = []

    def make(*answers: Answer) -> tuple[Transport, Counterpart]:
        counterpart = Counterpart(list(answers))
        transport = Transport(counterpart.url, timeout=5, sleep=pauses.append)
        open_ones.append((transport, counterpart))
        return transport, counterpart

    yield make
    for transport, counterpart in open_ones:
        transport.close()
        counterpart.close()


Against = Callable[..., tuple[Transport, Counterpart]]


def test_reading_is_repeated_after_the_pause_the_hub_asks_for(
    against: Against, pauses: list[float]
) -> None:
    transport, counterpart = against(DOWN, OK)
    assert transport.send("GET", "/x").json() == {"done": True}
    assert (len(counterpart.asked), pauses) == (2, [5.0])


def test_what_the_hub_did_not_even_begin_is_repeated_whatever_it_was(
    against: Against, pauses: list[float]
) -> None:
    transport, counterpart = against(BUSY, BUSY, OK)
    assert transport.send("POST", "/v1/lookups", idempotent=False, content=b"{}").status == 200
    assert (len(counterpart.asked), pauses) == (3, [1.0, 1.0])


@pytest.mark.parametrize("answer", [DOWN, problem(503, "department-down"), None])
def test_a_lookup_that_may_have_counted_is_never_repeated(
    against: Against, pauses: list[float], answer: Answer
) -> None:
    transport, counterpart = against(answer, OK)
    with pytest.raises((YiciProblem, YiciUnreachable)):
        transport.send("POST", "/v1/lookups", idempotent=False, content=b"{}")
    assert (len(counterpart.asked), pauses) == (1, [])


def test_an_idempotent_request_is_repeated_when_the_line_breaks(against: Against) -> None:
    transport, counterpart = against(None, None, OK)
    assert transport.send("POST", "/v1/cases", idempotent=True, json={}).status == 200
    assert len(counterpart.asked) == 3


def test_repeating_ends(against: Against) -> None:
    transport, counterpart = against(BUSY)
    with pytest.raises(YiciProblem) as refused:
        transport.send("GET", "/x")
    assert (refused.value.code, len(counterpart.asked)) == ("overloaded", MOST_TRIES)


def test_nobody_waits_longer_than_is_reasonable(against: Against) -> None:
    long = str(int(LONGEST_PAUSE) + 1)
    transport, counterpart = against(problem(503, "overloaded", **{"Retry-After": long}), OK)
    with pytest.raises(YiciProblem):
        transport.send("GET", "/x")
    assert len(counterpart.asked) == 1


@pytest.mark.parametrize("status", [400, 403, 404, 409, 500])
def test_other_problems_are_told_at_once(against: Against, status: int) -> None:
    transport, counterpart = against(problem(status, "conflict"), OK)
    with pytest.raises(YiciProblem) as refused:
        transport.send("GET", "/x")
    told = refused.value
    assert (told.status, told.zh, told.en) == (status, "中文。", "In English.")
    assert (told.faults[0].field, len(counterpart.asked)) == ("/item", 1)


def test_what_was_never_sent_is_tried_again_and_said_so(pauses: list[float]) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        with pytest.raises(YiciUnreachable) as unreachable:
            Transport(url, sleep=pauses.append).send("POST", "/v1/lookups", idempotent=False)
    assert (unreachable.value.sent, len(pauses)) == (False, MOST_TRIES - 1)


def test_a_silent_counterpart_is_given_up() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(YiciUnreachable) as unreachable:
            Transport(url, timeout=0.2).send("POST", "/v1/lookups", idempotent=False)
    assert unreachable.value.sent


@pytest.mark.parametrize(
    "answer",
    [
        (200, {}, b"<html>"),
        (200, {"Content-Type": "application/json"}, b'{"other": 1}'),
        (200, {"Content-Type": "application/json"}, b"[" * 100_000),
        (502, {"Content-Type": "text/html"}, b"<html>bad gateway</html>"),
        (403, {"Content-Type": "application/json"}, b'{"type": 7, "faults": "x"}'),
    ],
)
def test_what_is_not_the_hubs_form_is_named_as_such(against: Against, answer: Answer) -> None:
    transport, _ = against(answer)
    with pytest.raises(YiciProblem) as refused:
        transport.send("GET", "/x").read(lambda document: document["done"])
    assert refused.value.code == "not-understood"


def test_proxies_of_the_surroundings_are_not_used(
    against: Against, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    transport, _ = against(OK)
    assert transport.send("GET", "/x").status == 200
