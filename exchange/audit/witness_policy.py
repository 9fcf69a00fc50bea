"""Witness policies: which logs and witnesses are known, and how many must have cosigned.

C2SP tlog-policy, the same file that other tools read. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NoReturn

from exchange.audit.cosignatures import Cosigner, cosigned_times
from exchange.audit.errors import NoteRefused, WitnessPolicyRefused
from exchange.audit.notes import NoteVerifier

NONE = "none"
MOST_LINES = 10_000
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_URL = re.compile(r"https?://[^\s]+")


@dataclass(frozen=True, slots=True)
class KnownLog:
    """A log by its key, whose name is the log's origin."""

    verifier: NoteVerifier
    url: str | None = None


@dataclass(frozen=True, slots=True)
class Witness:
    """A witness by the name the policy gives it; `url` is its submission prefix."""

    name: str
    cosigner: Cosigner
    url: str | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """Holds where at least `threshold` of its members do: witnesses, or groups before it."""

    name: str
    threshold: int
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class WitnessPolicy:
    """What a checkpoint needs besides its log's signature."""

    quorum: str = NONE
    logs: tuple[KnownLog, ...] = ()
    witnesses: tuple[Witness, ...] = ()
    groups: tuple[Group, ...] = ()

    def find_log(self, origin: str) -> tuple[NoteVerifier, ...]:
        """The keys of the log with this origin; none where it is unknown."""
        return tuple(log.verifier for log in self.logs if log.verifier.name == origin)

    def find_time(self, note: str) -> int | None:
        """Since when the quorum stands by a signed note, in seconds since the Epoch.

        That is the newest time of which enough cosignatures are not older; 0 where no quorum is
        asked for, None where it is not reached. Raises NoteRefused for a malformed note.
        """
        if self.quorum == NONE:
            return 0
        by_key = cosigned_times(note, [each.cosigner for each in self.witnesses])
        times: dict[str, int] = {
            each.name: by_key[each.cosigner.public_key]
            for each in self.witnesses
            if each.cosigner.public_key in by_key
        }
        for group in self.groups:
            reached = sorted((times[name] for name in group.members if name in times), reverse=True)
            if len(reached) >= group.threshold:
                times[group.name] = reached[group.threshold - 1]
        return times.get(self.quorum)


def parse_policy(text: str) -> WitnessPolicy:
    """Read a policy. Raises WitnessPolicyRefused, naming the line."""
    lines = text.split("\n")
    if len(lines) > MOST_LINES:
        _refuse(MOST_LINES, "行数过多", "too many lines")
    reader = _Reader()
    for number, line in enumerate(lines, 1):
        if _CONTROL.search(line):
            _refuse(number, "含控制字符", "holds a control character")
        words = re.split(r"[ \t]+", line.strip(" \t"))
        if words != [""] and not words[0].startswith("#"):
            reader.read(number, words)
    if reader.quorum is None:
        _refuse(len(lines), "缺少 quorum 行", "there is no quorum line")
    return WitnessPolicy(
        reader.quorum, tuple(reader.logs), tuple(reader.witnesses), tuple(reader.groups)
    )


@dataclass(slots=True)
class _Reader:
    quorum: str | None = None
    logs: list[KnownLog] = field(default_factory=list)
    witnesses: list[Witness] = field(default_factory=list)
    groups: list[Group] = field(default_factory=list)
    used: set[str] = field(default_factory=set)

    def read(self, number: int, words: list[str]) -> None:
        match words:
            case ["log", vkey, *url] if len(url) <= 1:
                self._log(number, vkey, url)
            case ["witness", name, vkey, *url] if len(url) <= 1:
                self._witness(number, name, vkey, url)
            case ["group", name, threshold, *members] if members:
                self._group(number, name, threshold, members)
            case ["quorum", name] if self.quorum is None:
                if name != NONE:
                    self._defined(number, name)
                self.quorum = name
            case _:
                _refuse(number, "无法理解", "not understood")

    def _log(self, number: int, vkey: str, url: list[str]) -> None:
        try:
            verifier = NoteVerifier.from_vkey(vkey)
        except NoteRefused as refused:
            _refuse(number, refused.zh, refused.en)
        if any(each.verifier.public_key == verifier.public_key for each in self.logs):
            _refuse(number, "日志重复", "the log is there twice")
        self.logs.append(KnownLog(verifier, _url(number, url)))

    def _witness(self, number: int, name: str, vkey: str, url: list[str]) -> None:
        self._new(number, name)
        try:
            cosigner = Cosigner.from_vkey(vkey)
        except NoteRefused as refused:
            _refuse(number, refused.zh, refused.en)
        if any(each.cosigner.public_key == cosigner.public_key for each in self.witnesses):
            _refuse(number, "见证方重复", "the witness is there twice")
        self.witnesses.append(Witness(name, cosigner, _url(number, url)))

    def _group(self, number: int, name: str, threshold: str, members: list[str]) -> None:
        self._new(number, name)
        for member in members:
            self._defined(number, member)
            if member in self.used:
                _refuse(number, "成员只能属于一个组", "a member may stand in one group only")
            self.used.add(member)
        words: Mapping[str, int] = {"any": 1, "all": len(members)}
        known = words.get(threshold)
        if known is None:
            if not re.fullmatch(r"[1-9][0-9]{0,4}", threshold) or int(threshold) > len(members):
                _refuse(
                    number, "门限须在 1 与成员数之间", "the number must be from 1 to the members"
                )
            known = int(threshold)
        self.groups.append(Group(name, known, tuple(members)))

    def _new(self, number: int, name: str) -> None:
        if name == NONE or name in self._names():
            _refuse(number, "名称已被使用", "the name is taken")

    def _defined(self, number: int, name: str) -> None:
        if name not in self._names():
            _refuse(number, "名称未在此前定义", "the name is not defined before")

    def _names(self) -> set[str]:
        return {each.name for each in self.witnesses} | {each.name for each in self.groups}


def _url(number: int, url: list[str]) -> str | None:
    if url and not _URL.fullmatch(url[0]):
        _refuse(
            number, "地址须以 http:// 或 https:// 开头", "the address must be http:// or https://"
        )
    return url[0].rstrip("/") if url else None


def _refuse(number: int, zh: str, en: str) -> NoReturn:
    raise WitnessPolicyRefused(
        zh=f"见证策略第 {number} 行：{zh}", en=f"witness policy, line {number}: {en}"
    )
