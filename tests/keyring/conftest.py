"""A hub whose keys tests change."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from exchange.keyring.certifying import Certifying, certifying
from tests.hub import Served


@pytest.fixture
def at_work(served: Served) -> Iterator[Certifying]:
    """The root of the served hub, at work for an operator."""
    hub = served.hub
    yield certifying(hub.work, hub.clock, hub.keys, "http://hub.test", by="tests")
