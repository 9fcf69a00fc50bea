"""Where the hub publishes what a certificate points at."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Places:
    """The addresses below the hub's public one."""

    public_url: str
    _status_list: Any = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "public_url", self.public_url.rstrip("/"))
        pattern = re.escape(self.public_url) + r"/v1/status-lists/([0-9A-Z]{18})/([0-9]{1,9})"
        object.__setattr__(self, "_status_list", re.compile(pattern))

    def issuer(self, department: str) -> str:
        """``iss`` of the certificates of a department."""
        return f"{self.public_url}/v1/issuers/{department}"

    def status_list(self, issuer: str, number: int) -> str:
        """Where one status list of an issuer is found."""
        return f"{self.public_url}/v1/status-lists/{issuer}/{number}"

    def find_status_list(self, uri: str) -> tuple[str, int] | None:
        """The issuer and number of an address of this hub's status lists."""
        match = self._status_list.fullmatch(uri)
        return (match[1], int(match[2])) if match else None
