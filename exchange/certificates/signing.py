"""Signing in bulk, outside any transaction: here, or in a pool of processes.

A pool's process holds the one issuer's key it was started for, and ends when its parent does.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from multiprocessing.connection import wait
from pathlib import Path
from typing import Protocol

from certstore.errors import CertstoreError
from certstore.keys import Signer, load_signer
from exchange.certificates.chunks import Chunk, SignedChunk, sign

__all__ = ["BrokenProcessPool", "KeyFile", "Signing", "SigningHere", "signing_pool"]


class Signing(Protocol):
    """Signs chunks for one issuer."""

    def submit(self, chunk: Chunk) -> Future[SignedChunk]:
        """Have a chunk signed. The future fails with FieldErrors for a row its type refuses."""
        ...


class SigningHere:
    """Signs in the calling thread, at once."""

    def __init__(self, signer: Signer) -> None:
        self._signer = signer

    def submit(self, chunk: Chunk) -> Future[SignedChunk]:
        done: Future[SignedChunk] = Future()
        try:
            done.set_result(sign(chunk, self._signer))
        except CertstoreError as refusal:
            done.set_exception(refusal)
        return done


@dataclass(frozen=True, slots=True)
class KeyFile:
    """Where an issuer's key lies, for a process to load it; the key itself is never pickled."""

    path: Path
    passphrase: bytes = field(repr=False)

    def load(self) -> Signer:
        """The key. Raises certstore's KeyFault."""
        return load_signer(self.path, self.passphrase)


class _Pool:
    def __init__(self, executor: ProcessPoolExecutor) -> None:
        self._executor = executor

    def submit(self, chunk: Chunk) -> Future[SignedChunk]:
        return self._executor.submit(_sign, chunk)


@contextlib.contextmanager
def signing_pool(load: Callable[[], Signer], *, workers: int) -> Iterator[Signing]:
    """A pool of processes that sign with the key that ``load`` (picklable) gives each of them.

    Raises:
        BrokenProcessPool: a process died, or could not load the key; from any later submit.
    """
    executor = ProcessPoolExecutor(
        workers,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_start,
        initargs=(load,),
    )
    try:
        yield _Pool(executor)
    finally:
        executor.shutdown(wait=True, cancel_futures=True)


_signer: Signer | None = None


def _start(load: Callable[[], Signer]) -> None:
    global _signer  # one key for the life of the process
    # The parent decides when to stop; a signal to the whole group must not cut a chunk.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    assert parent is not None  # noqa: S101  # this runs in a child only
    threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()
    _signer = load()


def _end_with(parent: int) -> None:
    wait([parent])
    os._exit(1)


def _sign(chunk: Chunk) -> SignedChunk:
    assert _signer is not None  # noqa: S101  # the initializer loaded it or broke the pool
    return sign(chunk, _signer)
