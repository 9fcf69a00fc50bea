"""Signing in bulk, outside any transaction: here, or in a pool of processes.

Which key signs is asked for every chunk: a key that was rotated or declared compromised while a
long run goes on signs no further chunk. Keys are never handed over, only where they lie; a
pool's process opens each itself, and ends when its parent does.
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
from multiprocessing.connection import wait
from typing import Protocol

from certstore.errors import CertstoreError
from certstore.keys import Signer
from exchange.certificates.chunks import Chunk, SignedChunk, sign
from exchange.keyring.opening import KeyOpener
from exchange.keyring.records import KeyPlace
from exchange.keyring.service import Keyring

__all__ = ["BrokenProcessPool", "Signing", "SigningHere", "signing_for", "signing_pool"]


class Signing(Protocol):
    """Signs chunks for one issuer."""

    def submit(self, chunk: Chunk) -> Future[SignedChunk]:
        """Have a chunk signed. The future fails with FieldErrors for a row its type refuses,
        with KeyFault where no key can sign."""
        ...


class SigningHere:
    """Signs in the calling thread, at once, with the key that is in use when a chunk comes."""

    def __init__(self, signer: Signer | Callable[[], Signer]) -> None:
        self._signer = signer

    def submit(self, chunk: Chunk) -> Future[SignedChunk]:
        done: Future[SignedChunk] = Future()
        try:
            signer = self._signer() if callable(self._signer) else self._signer
            done.set_result(sign(chunk, signer))
        except CertstoreError as refusal:
            done.set_exception(refusal)
        return done


@contextlib.contextmanager
def signing_for(keys: Keyring, department: str, *, workers: int) -> Iterator[Signing]:
    """Signs with a department's key, in so many processes; here where that is none.

    Raises:
        KeyFault: the department has no key to sign with, or it cannot be opened.
    """
    keys.signer_of(department)
    if workers == 0:
        yield SigningHere(lambda: keys.signer_of(department))
        return
    with signing_pool(keys.opener, lambda: keys.place_of(department), workers=workers) as signing:
        yield signing


class _Pool:
    def __init__(self, executor: ProcessPoolExecutor, active: Callable[[], KeyPlace]) -> None:
        self._executor = executor
        self._active = active

    def submit(self, chunk: Chunk) -> Future[SignedChunk]:
        try:
            place = self._active()
        except CertstoreError as refusal:
            failed: Future[SignedChunk] = Future()
            failed.set_exception(refusal)
            return failed
        return self._executor.submit(_sign, chunk, place)


@contextlib.contextmanager
def signing_pool(
    opener: KeyOpener, active: Callable[[], KeyPlace], *, workers: int
) -> Iterator[Signing]:
    """A pool of processes that open with ``opener`` what ``active`` says when a chunk comes.

    Raises:
        BrokenProcessPool: a process died; from any later submit.
    """
    executor = ProcessPoolExecutor(
        workers,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_start,
        initargs=(opener,),
    )
    try:
        yield _Pool(executor, active)
    finally:
        executor.shutdown(wait=True, cancel_futures=True)


_opener: KeyOpener | None = None
_signers: dict[KeyPlace, Signer] = {}


def _start(opener: KeyOpener) -> None:
    global _opener  # one for the life of the process
    # The parent decides when to stop; a signal to the whole group must not cut a chunk.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    assert parent is not None  # noqa: S101  # this runs in a child only
    threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()
    _opener = opener


def _end_with(parent: int) -> None:
    wait([parent])
    os._exit(1)


def _sign(chunk: Chunk, place: KeyPlace) -> SignedChunk:
    if place not in _signers:
        assert _opener is not None  # noqa: S101  # the initializer set it or broke the pool
        _signers[place] = _opener.open(place)
    return sign(chunk, _signers[place])
