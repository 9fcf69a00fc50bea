"""Registers of departments, read, mapped and gated: plain records out, nothing thrown away.

A *definition* (a readable TOML file under ``definitions/``) names one department's register: where
it lies, how its columns become a record, and what its rows must keep. ``read_batch`` pulls it once
and returns a ``Batch`` in which every received row is either clean or quarantined.

The library opens no database and no server, and knows nothing of certificates. Great Expectations
runs in a child process (``connectors.quality``); importing this package loads neither it nor
pandas.
"""

from connectors.definition_shape import Definition
from connectors.definitions import (
    DefinitionError,
    DefinitionFault,
    check_definitions,
    load_definitions,
)
from connectors.errors import ConnectorError
from connectors.quality import Finding, Gate, WorkerGate
from connectors.records import (
    Batch,
    Held,
    Notice,
    QuarantinedRow,
    RegisterRecord,
    RowFault,
    Severity,
)
from connectors.run import Preview, preview, read_batch

__all__ = [
    "Batch",
    "ConnectorError",
    "Definition",
    "DefinitionError",
    "DefinitionFault",
    "Finding",
    "Gate",
    "Held",
    "Notice",
    "Preview",
    "QuarantinedRow",
    "RegisterRecord",
    "RowFault",
    "Severity",
    "WorkerGate",
    "check_definitions",
    "load_definitions",
    "preview",
    "read_batch",
]
