"""Witnessing as the settings ask for it: policy files read, keys loaded, parts put together."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx

from exchange.audit.errors import WitnessPolicyRefused
from exchange.audit.notes import NoteVerifier
from exchange.audit.witness import WitnessService
from exchange.audit.witness_policy import WitnessPolicy, parse_policy
from exchange.audit.witnessing import Submitter, WitnessGate
from exchange.errors import SettingsFault
from exchange.keys import load_witness_key
from exchange.settings import Settings
from exchange.unit_of_work import UnitOfWork

MOST_BYTES = 1 << 20
SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Witnessing:
    """Both sides: `service` cosigns others' logs, the rest has others cosign this one."""

    policy: WitnessPolicy
    most_age: timedelta
    verifier: NoteVerifier
    gate: WitnessGate
    service: WitnessService

    def submitter(self, work: UnitOfWork[Any, Any]) -> Submitter:
        """What sends checkpoints to the witnesses; keep one, it remembers what each has seen."""
        client = httpx.Client(timeout=SECONDS, trust_env=False)
        return Submitter(work, self.policy, self.verifier, self.most_age, client)


def configure(settings: Settings, work: UnitOfWork[Any, Any], verifier: NoteVerifier) -> Witnessing:
    """Read the files that the settings name.

    Raises:
        SettingsFault: a file cannot be read or used; names setting and line.
    """
    policy = _read(settings.witness_policy, "YICI_WITNESS_POLICY")
    if policy.logs and not policy.find_log(verifier.name):
        raise SettingsFault(("YICI_WITNESS_POLICY: none of its logs is YICI_LOG_ORIGIN",))
    logs = _read(settings.witnessed_logs, "YICI_WITNESSED_LOGS")
    key = None
    if logs.logs:
        passphrase = settings.keys_passphrase.get_secret_value()
        key = load_witness_key(settings.keys_dir, passphrase, settings.log_origin)
    most_age = timedelta(seconds=settings.witness_max_age_seconds)
    return Witnessing(
        policy,
        most_age,
        verifier,
        WitnessGate(policy, verifier, most_age),
        WitnessService(work, logs, key),
    )


def _read(path: Path | None, name: str) -> WitnessPolicy:
    if path is None:
        return WitnessPolicy()
    try:
        if path.stat().st_size > MOST_BYTES:
            raise SettingsFault((f"{name}: the file is too large",))
        return parse_policy(path.read_bytes().decode())
    except (OSError, UnicodeDecodeError):
        raise SettingsFault((f"{name}: the file cannot be read",)) from None
    except WitnessPolicyRefused as refused:
        raise SettingsFault((f"{name}: {refused.en} ({refused.zh})",)) from None
