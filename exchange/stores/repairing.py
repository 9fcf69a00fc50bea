"""Sets right what a check found, where the right bytes are to be had."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from tempfile import SpooledTemporaryFile
from typing import Final

from certstore.errors import ObjectError, StoreFault
from certstore.objects import ObjectStore
from exchange.stores.findings import KEPT, Finding
from exchange.stores.named import Named

_IN_MEMORY: Final = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Repair:
    """Repairs one store; ``other`` is a further place to take whole copies from."""

    store: ObjectStore
    other: ObjectStore | None
    now: datetime
    grace: timedelta

    def mend(self, finding: Finding, named: Named | None) -> Finding:
        """The finding with what became of it.

        Raises:
            StoreFault: the store cannot be used.
        """
        if named is None:
            return self._discard(finding)
        if finding.kind in ("missing", "altered"):
            whole = self.store.restore(named.sha256) or self._fetch(named)
            if whole:
                self._lock(named)
            return replace(finding, repaired=whole, kept=None if whole else "nowhere")
        if finding.kind == "not-locked":
            return self._lengthen(finding, named)
        return replace(finding, kept="row")

    def _discard(self, finding: Finding) -> Finding:
        try:
            self.store.discard(finding.sha256, now=self.now, older_than=self.grace)
        except ObjectError as refusal:
            if refusal.code in KEPT:
                return replace(finding, kept=refusal.code)
            if refusal.code != "not-found":
                raise
        return replace(finding, repaired=True)

    def _lengthen(self, finding: Finding, named: Named) -> Finding:
        try:
            self._lock(named)
        except ObjectError as error:
            if error.code != "not-found":
                raise
            return replace(finding, kept="nowhere")
        return replace(finding, repaired=True)

    def _lock(self, named: Named) -> None:
        until = named.retain_until
        if until is None or until <= self.now:
            return
        kept = self.store.stat(named.sha256).retain_until
        if kept is None or kept < until:
            self.store.retain(named.sha256, until)

    def _fetch(self, named: Named) -> bool:
        """Put what the other store has, whole; False where it has not."""
        if self.other is None:
            return False
        with SpooledTemporaryFile(max_size=_IN_MEMORY) as spool:
            try:
                for chunk in self.other.stream(named.sha256):
                    spool.write(chunk)
            except StoreFault:
                raise
            except ObjectError:
                return False
            spool.seek(0)
            self.store.put(spool, named.media_type, afresh=True)  # type: ignore[arg-type]
        return True
