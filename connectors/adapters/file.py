"""The file adapter: a register that a department lays down as a file in a folder."""

from __future__ import annotations

import hashlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from connectors.adapters import Pull
from connectors.adapters.csv_rows import csv_rows
from connectors.adapters.json_rows import json_lines_rows, json_rows
from connectors.definition_shape import Definition
from connectors.errors import ConnectorError, ErrorCode

_PARSERS = {"csv": csv_rows, "json": json_rows, "jsonl": json_lines_rows}
_FOREIGN_MARKS = (b"\xff\xfe", b"\xfe\xff")  # byte order marks of UTF-16 and UTF-32
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class FileAdapter:
    """Reads ``definition.source.file`` below ``root``, following no symbolic link below it."""

    root: Path

    def pull(self, definition: Definition) -> Pull:
        """See ``Adapter.pull``."""
        content = self._read(definition)
        text = _decode(content, definition)
        rows = _PARSERS[definition.source.format](text, definition)
        return Pull(hashlib.sha256(content).hexdigest(), tuple(rows))

    def _read(self, definition: Definition) -> bytes:
        limit = definition.source.max_bytes
        descriptor = self._open(definition)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise _error("source-refused", definition, "不是普通文件", "is not a regular file")
        with os.fdopen(descriptor, "rb") as file:
            # The size may grow while it is read, so the bytes are counted, not the directory entry.
            content = bytearray()
            while chunk := file.read(min(_CHUNK, limit + 1 - len(content))):
                content += chunk
                if len(content) > limit:
                    zh = f"超过 {limit} 字节的上限"
                    raise _error("limit-exceeded", definition, zh, f"has more than {limit} bytes")
        return bytes(content)

    def _open(self, definition: Definition) -> int:
        """Open the file one folder at a time, so that no link can be slipped in between."""
        path = PurePosixPath(definition.source.file)
        if path.is_absolute() or ".." in path.parts or not path.parts:
            raise _error("source-refused", definition, "在来源目录之外", "leaves the source folder")
        try:
            folder = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError:
            raise _error(
                "source-missing", definition, "所在的来源目录不存在", "has no source folder"
            ) from None
        try:
            for part in path.parts[:-1]:
                below = os.open(
                    part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder
                )
                os.close(folder)
                folder = below
            # O_NONBLOCK: opening a named pipe must not wait for a writer.
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            return os.open(path.parts[-1], flags, dir_fd=folder)
        except FileNotFoundError:
            raise _error("source-missing", definition, "不存在", "is not there") from None
        except OSError:
            raise _error(
                "source-refused",
                definition,
                "无法打开，或是指向别处的链接",
                "cannot be opened, or is a link that leads elsewhere",
            ) from None
        finally:
            os.close(folder)


def _decode(content: bytes, definition: Definition) -> str:
    """Decode; bytes the encoding does not allow become U+FFFD, which marks their row later."""
    if content.startswith(_FOREIGN_MARKS):
        encoding = definition.source.encoding
        raise _error(
            "unreadable-answer",
            definition,
            f"是 UTF-16/32 编码，应为 {encoding}",
            f"is UTF-16 or UTF-32, not {encoding}",
        )
    text = content.removeprefix(b"\xef\xbb\xbf").decode(definition.source.encoding, "replace")
    text = text.removeprefix("\ufeff")
    if text.lstrip()[:1] == "<":
        raise _error(
            "unreadable-answer",
            definition,
            "是网页或 XML，不是数据",
            "is a web page or XML, not a register",
        )
    return text


def _error(code: ErrorCode, definition: Definition, zh: str, en: str) -> ConnectorError:
    file = definition.source.file
    return ConnectorError(code, f"来源文件 {file} {zh}", f"{file} {en}", definition.department)
