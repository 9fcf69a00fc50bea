"""The child that opens a stranger's PDF: the only place where one is parsed.

Run as `python -m certstore.documents.inspect_worker MEMORY CPU ANSWER`. Request: a 4-byte
big-endian length, that much JSON `{"tsa_roots": [base64 DER…], "at": ISO 8601}`, then the file.
Answer: JSON, either `{"refusal": code}` or what `inspection.inspect` found.
"""

from __future__ import annotations

import base64
import logging
import sys
from datetime import datetime

import orjson

from certstore.documents.limited import limit_this_process


def main(arguments: list[str]) -> int:
    """Limit this process, read the request, answer it."""
    limit_this_process(arguments)
    logging.disable(logging.CRITICAL)
    try:
        from certstore.documents.inspection import Refusal, inspect

        request = sys.stdin.buffer.read()
        head = int.from_bytes(request[:4], "big")
        asked = orjson.loads(request[4 : 4 + head])
        try:
            found = inspect(
                request[4 + head :],
                tsa_roots=[base64.b64decode(one) for one in asked["tsa_roots"]],
                at=datetime.fromisoformat(asked["at"]),
            )
        except Refusal as refusal:
            found = {"refusal": refusal.code}
    except MemoryError:
        found = {"refusal": "memory-limit"}
    sys.stdout.buffer.write(orjson.dumps(found))
    sys.stdout.buffer.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
