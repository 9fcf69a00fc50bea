"""How the demonstration speaks: 中文 first, calm, and in plain lines where nobody watches."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

_PLAIN_WIDTH = 110


class Teller:
    """Tells the story on a console."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or _console()
        self._started = time.monotonic()

    @property
    def seconds(self) -> float:
        """Seconds since the beginning."""
        return time.monotonic() - self._started

    def title(self, zh: str, en: str) -> None:
        """The first lines."""
        self.console.print()
        self.console.print(f"[bold]{zh}[/]  [dim]{en}[/]")

    def heading(self, zh: str, en: str) -> None:
        """What stands outside the numbered steps."""
        self.console.print()
        self.console.print(f"[bold]{zh}[/]  [dim]{en}[/]")

    @contextmanager
    def step(self, mark: str, zh: str, en: str) -> Iterator[None]:
        """One step: its heading, what happens in it, and how long it took."""
        begun = time.monotonic()
        self.console.print()
        self.console.print(f"[bold cyan]{mark}[/]  [bold]{zh}[/]  [dim]{en}[/]")
        yield
        self.console.print(f"   [dim]{time.monotonic() - begun:.1f} s[/]")

    @contextmanager
    def waiting(self, zh: str, en: str) -> Iterator[None]:
        """While something takes a moment."""
        with self.console.status(f"{zh} [dim]{en}[/]", spinner="dots"):
            yield

    def done(self, zh: str, en: str) -> None:
        """Something holds: it was done and checked."""
        self._line("[green]✓[/]", zh, en)

    def told(self, zh: str, en: str) -> None:
        """Something to know."""
        self._line("[dim]·[/]", zh, en)

    def refused(self, zh: str, en: str) -> None:
        """A refusal that had to come and came."""
        self._line("[yellow]✗[/]", zh, en)

    def failed(self, zh: str, en: str) -> None:
        """The end of a demonstration that did not hold."""
        self.console.print()
        self._line("[bold red]✗[/]", zh, en)

    def quote(self, text: str) -> None:
        """What another program printed, indented."""
        for line in text.strip().splitlines():
            self.console.print(f"     [dim]{escape(line)}[/]", soft_wrap=True)

    def table(self, columns: Sequence[tuple[str, str]], rows: Sequence[Sequence[Any]]) -> None:
        """A table; numbers stand to the right."""
        table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
        for number, (zh, en) in enumerate(columns):
            figures = bool(rows) and all(isinstance(row[number], int) for row in rows)
            table.add_column(f"{zh}\n{en}", justify="right" if figures else "left", overflow="fold")
        for row in rows:
            table.add_row(*(escape(str(cell)) for cell in row))
        self.console.print(Padding(table, (0, 0, 0, 3)))

    @contextmanager
    def bars(self) -> Iterator[Callable[[str, int, int | None], None]]:
        """Bars that show how far several things are: called with (name, done, of how many)."""
        with Progress(
            TextColumn("   {task.description}"),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=self.console,
            transient=True,
            disable=not self.console.is_terminal,
        ) as progress:
            tasks: dict[str, Any] = {}

            def show(name: str, done: int, total: int | None) -> None:
                if name not in tasks:
                    tasks[name] = progress.add_task(name, total=total)
                progress.update(tasks[name], completed=done, total=total)

            yield show

    def _line(self, mark: str, zh: str, en: str) -> None:
        self.console.print(f"   {mark} {escape(zh)}", soft_wrap=True)
        self.console.print(f"     [dim]{escape(en)}[/]", soft_wrap=True)


def _console() -> Console:
    console = Console(highlight=False)
    if console.is_terminal:
        return console
    return Console(highlight=False, width=_PLAIN_WIDTH)
