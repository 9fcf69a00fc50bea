"""Wrong guesses are counted per caller, so that nobody finds out by trying what may not be asked.

A guess that is right counts for nothing: who knows what a certificate says may hold it against
the certificate as often as need be.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa

from exchange.database import metadata
from exchange.errors import HubError

wrong_guesses = sa.Table(
    "wrong_guesses",
    metadata,
    sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("caller", sa.Text, nullable=False),
    sa.Column("about", sa.Text, nullable=False),
    sa.Column("guessed_at", sa.DateTime(timezone=True), nullable=False),
)


@dataclass(frozen=True, slots=True)
class Limit:
    """At most ``most`` wrong guesses of one caller about one thing within ``within``."""

    most: int
    within: timedelta


CODES: Final = Limit(20, timedelta(minutes=10))
"""Unknown one-time codes, per calling system."""
ONE_CERTIFICATE: Final = Limit(10, timedelta(days=1))
"""Facts that differ, per caller and certificate."""
ALL_CERTIFICATES: Final = Limit(200, timedelta(hours=1))
"""Facts that differ, per caller."""


class TooManyGuesses(HubError):
    """A caller guessed wrong too often; nothing was compared."""

    code = "too-many-attempts"


def check_guesses(
    connection: sa.Connection, caller: str, limits: Iterable[tuple[str, Limit]], now: datetime
) -> None:
    """Raise TooManyGuesses where one of the limits, each about one thing, is reached."""
    g = wrong_guesses.c
    for about, limit in limits:
        made = (
            connection.execute(
                sa.select(g.guessed_at)
                .where(g.caller == caller, g.about == about, g.guessed_at > now - limit.within)
                .order_by(g.guessed_at.desc())
                .limit(limit.most)
            )
            .scalars()
            .all()
        )
        if len(made) >= limit.most:
            free_at = made[-1] + limit.within
            seconds = max(1, int((free_at - now).total_seconds()) + 1)
            raise TooManyGuesses(
                "核对有误的次数过多，请稍后再试。",
                "Too many wrong guesses; try again later.",
                headers={"Retry-After": str(seconds)},
            )


def add_guesses(
    connection: sa.Connection, caller: str, about: Iterable[str], now: datetime
) -> None:
    """Count one wrong guess about each of these things."""
    connection.execute(
        sa.insert(wrong_guesses),
        [{"caller": caller, "about": each, "guessed_at": now} for each in about],
    )
