"""Ending certificates by list: 撤销, 注销 or 吊销, each with its own reason and legal ground.

Each row is an act of its own through the certificates room, signed, logged and refused as any
other. A worker that comes back knows an act of this job by its event.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import batched
from typing import Any, BinaryIO, Final

from certstore.errors import CertstoreError
from certstore.identifiers import CertificateIdentifier
from certstore.objects import ObjectStore
from exchange.access import Permitted
from exchange.bulk.records import REFUSED, Job, Refusal, Step
from exchange.bulk.rows import Row, read_rows
from exchange.bulk.surveys import Survey, at_hand, content_of, survey
from exchange.certificates.service import Certificates
from exchange.errors import Conflict, NotFound

CHUNK: Final = 200
STATES: Final = ("03", "04", "07")
_MEMBERS: Final = frozenset({"identifier", "reason", "legal_ground", "state"})
_LONGEST: Final = 300
