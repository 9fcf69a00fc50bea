"""The hub's one family of errors.

A library error keeps its own class; ``problems.py`` is the one table that turns any of them
into an RFC 9457 problem.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong in one place of what was sent.

    ``field`` is a JSON pointer or a parameter's name; ``zh`` and ``en`` say what is wrong and
    what to do. Never a value that was sent: values may be personal data.
    """

    field: str
    zh: str
    en: str


class HubError(Exception):
    """Something the caller can be told about.

    ``code`` names the row of the table in ``problems.py``; ``zh`` and ``en`` say what happened
    in one sentence each; ``members`` are further members of the problem document.
    """

    code: str = "internal"

    def __init__(
        self,
        zh: str,
        en: str,
        *,
        code: str | None = None,
        faults: tuple[Fault, ...] = (),
        members: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(en)
        self.zh = zh
        self.en = en
        if code is not None:
            self.code = code
        self.faults = faults
        self.members = dict(members or {})
        self.headers = dict(headers or {})


class BadRequest(HubError):
    """What was sent cannot be read; ``faults`` name each place."""

    code = "bad-request"


class Unauthenticated(HubError):
    """No valid token, or a token of another hub."""

    code = "unauthenticated"


class NotFound(HubError):
    """There is nothing by this name that the caller may know of."""

    code = "not-found"


class Refused(HubError):
    """The policy said no. Raised only after the refusal stands in the log."""

    code = "refused"


class Conflict(HubError):
    """The state of the thing does not allow this any more."""

    code = "conflict"


class TooLarge(HubError):
    """Over a limit of size or number."""

    code = "too-large"


def file_too_large(limit: int) -> TooLarge:
    """What is said of a file over a limit in bytes; the connection is not read to its end."""
    return TooLarge(
        f"文件不得超过 {limit} 字节。",
        f"A file may have {limit} bytes at most.",
        headers={"Connection": "close"},
    )


class Unsupported(HubError):
    """A media type or content that is not accepted."""

    code = "unsupported-content"


class Overloaded(HubError):
    """More waits than can be served; nothing was done."""

    code = "overloaded"


class Unavailable(HubError):
    """The database, and with it the log, cannot be reached: no answer, not an unlogged one."""

    code = "unavailable"


class Unwitnessed(HubError):
    """Too few witnesses, for too long, saw the log: no answer whose record nobody else saw."""

    code = "log-unwitnessed"


class SettingsFault(Exception):
    """The settings cannot be used; ``lines`` name every fault, never a value."""

    def __init__(self, lines: tuple[str, ...]) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines
