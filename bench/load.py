"""A load generator that costs little itself: raw HTTP/1.1 over keep-alive connections.

Runs as a process of its own: ``python -m bench.load HOST PORT CONNECTIONS SECONDS < requests``;
standard input holds whole HTTP requests, each preceded by its length in four bytes. Prints one
JSON object: answers, seconds, rate, p50 and p99 in milliseconds, and the statuses seen.
"""

from __future__ import annotations

import asyncio
import json
import struct
import sys
import time
from collections import Counter
from typing import cast

import uvloop


class Connection(asyncio.Protocol):
    """One connection that sends the next request as soon as the last answer is whole."""

    def __init__(self, load: Load, start: int) -> None:
        self._load = load
        self._next = start
        self._buffer = b""
        self._sent = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._send()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head = self._buffer.find(b"\r\n\r\n")
        if head < 0:
            return
        mark = self._buffer.find(b"content-length: ", 0, head) + 16
        length = int(self._buffer[mark : self._buffer.find(b"\r\n", mark)])
        if len(self._buffer) < head + 4 + length:
            return
        status = self._buffer[9:12]
        self._buffer = b""
        self._load.answered(status, time.perf_counter() - self._sent)
        if self._load.running:
            self._send()
        else:
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self._load.lost()

    def _send(self) -> None:
        requests = self._load.requests
        self._next = (self._next + 1) % len(requests)
        self._sent = time.perf_counter()
        self._transport.write(requests[self._next])


class Load:
    """What all connections share."""

    def __init__(self, requests: list[bytes]) -> None:
        self.requests = requests
        self.running = True
        self.latencies: list[float] = []
        self.statuses: Counter[str] = Counter()
        self._open = 0
        self._done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def answered(self, status: bytes, seconds: float) -> None:
        self.statuses[status.decode()] += 1
        self.latencies.append(seconds)

    def lost(self) -> None:
        self._open -= 1
        if self._open == 0 and not self._done.done():
            self._done.set_result(None)

    async def run(
        self, host: str, port: int, connections: int, seconds: float
    ) -> dict[str, object]:
        loop = asyncio.get_running_loop()
        self._open = connections
        started = time.perf_counter()
        step = max(1, len(self.requests) // connections)
        await asyncio.gather(
            *(
                loop.create_connection(lambda n=n: Connection(self, n * step), host, port)
                for n in range(connections)
            )
        )
        await asyncio.sleep(seconds)
        elapsed, answers = time.perf_counter() - started, len(self.latencies)
        ordered = sorted(self.latencies)
        self.running = False
        await asyncio.wait_for(self._done, 30)
        return {
            "connections": connections,
            "answers": answers,
            "seconds": round(elapsed, 3),
            "rate": round(answers / elapsed, 1),
            "p50_ms": round(ordered[len(ordered) // 2] * 1000, 2),
            "p99_ms": round(ordered[int(len(ordered) * 0.99)] * 1000, 2),
            "statuses": dict(self.statuses),
        }


def read_requests() -> list[bytes]:
    data = sys.stdin.buffer.read()
    requests, place = [], 0
    while place < len(data):
        (length,) = struct.unpack_from("!I", data, place)
        requests.append(data[place + 4 : place + 4 + length])
        place += 4 + length
    return requests


async def main() -> None:
    host, port, connections, seconds = sys.argv[1:5]
    load = Load(read_requests())
    print(json.dumps(await load.run(host, int(port), int(connections), float(seconds))))


if __name__ == "__main__":
    uvloop.run(main())
