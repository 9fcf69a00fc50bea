"""One warm quality gate for all tests of this folder, and generated registers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from connectors import WorkerGate
from exchange.demo.registers import Manifest, generate
from exchange.registers.pulling import Pulling
from tests.hub import Served
from tests.registers.pulls import pulling_of


@pytest.fixture(scope="session")
def gate() -> Iterator[WorkerGate]:
    """Great Expectations in its child process."""
    with WorkerGate() as gate:
        yield gate


@pytest.fixture
def manifest(served: Served) -> Manifest:
    """The three generated registers, where the hub looks for them."""
    assert served.hub.settings.registers_dir is not None
    return generate(served.hub.settings.registers_dir)


@pytest.fixture
def pulling(served: Served, gate: WorkerGate) -> Pulling:
    """What runs pulls."""
    return pulling_of(served.hub, gate)
