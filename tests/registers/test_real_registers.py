"""The real registers beside the repository: all that came in is accounted for."""

from __future__ import annotations

from pathlib import Path

import pytest

from connectors import WorkerGate
from exchange.certificates.tables import certificates
from tests.hub import Served
from tests.registers.pulls import PARTS, count, pull, pulling_of

RECEIVED = {"market-regulator": 5544, "licensing-office": 561, "transport-bureau": 5530}


@pytest.mark.slow
@pytest.mark.parametrize("register", RECEIVED)
def test_a_real_register_adds_up_and_pulled_again_changes_nothing(
    served: Served, gate: WorkerGate, shared_dir: Path, register: str
) -> None:
    pulling = pulling_of(served.hub, gate, root=shared_dir / "data")
    first = pull(served, pulling, register)
    assert first["state"] == "done", first["failure"]
    assert first["received"] == RECEIVED[register] == sum(first[part] for part in PARTS)
    assert first["unchanged"] == 0
    assert first["quarantined"] < 0.1 * first["received"]
    assert first["issued"] + first["revised"] == count(served.hub, certificates)
    second = pull(served, pulling, register)
    assert (second["issued"], second["revised"]) == (0, 0)
    assert second["unchanged"] == first["issued"] + first["revised"]
    assert second["quarantined"] == first["quarantined"]
    if register == "licensing-office":
        assert first["revised"] > 100  # several terms of one licence
