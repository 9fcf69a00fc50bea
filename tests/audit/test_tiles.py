"""Tiles: their paths, when they become complete, the bundles of entries below them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.audit.errors import LogUnusable
from exchange.audit.tiles import (
    Tile,
    build_entries,
    completed_tiles,
    parse_entries,
    parse_path,
    partial_tiles,
)


def test_paths_are_those_of_the_specification() -> None:
    assert Tile(0, 1234067).path() == "tile/0/x001/x234/067"
    assert Tile(0, 1234, 17).path() == "tile/0/x001/234.p/17"
    assert Tile(3, 0).entries_path() == "tile/entries/000"


@given(st.integers(0, 63), st.integers(0, 10**12), st.integers(1, 256))
def test_a_path_leads_back_to_its_tile(level: int, number: int, width: int) -> None:
    tile = Tile(level, number, width)
    assert parse_path(tile.path()) == tile


@pytest.mark.parametrize(
    "path",
    ["tile/00/000", "tile/64/000", "tile/0/x000/001", "tile/0/0", "tile/0/1000", "tile/0/001.p/0",
     "tile/0/001.p/256", "tile/0/001.p/01", "tile/entries/000", "tile/0/../001", "tile/0/000\n"],
)  # fmt: skip
def test_other_spellings_are_refused(path: str) -> None:
    with pytest.raises(LogUnusable):
        parse_path(path)


def test_the_example_of_seventy_thousand_has_the_tiles_the_specification_lists() -> None:
    complete = list(completed_tiles(0, 70_000))
    assert len([tile for tile in complete if tile.level == 0]) == 273
    assert [tile for tile in complete if tile.level] == [Tile(1, 0)]
    assert list(partial_tiles(70_000)) == [Tile(0, 273, 112), Tile(1, 1, 17), Tile(2, 0, 1)]
    assert list(partial_tiles(256)) == [Tile(1, 0, 1)]
    assert list(completed_tiles(0, 255)) == []


@given(st.integers(0, 10**6), st.integers(0, 10**5), st.integers(0, 10**5))
def test_growing_in_two_steps_completes_the_same_tiles(start: int, one: int, two: int) -> None:
    middle, end = start + one, start + one + two
    apart = [*completed_tiles(start, middle), *completed_tiles(middle, end)]
    key = lambda tile: (tile.level, tile.number)  # noqa: E731
    assert sorted(apart, key=key) == list(completed_tiles(start, end))


@given(st.lists(st.binary(max_size=300), max_size=20))
def test_entry_bundles_lead_back_to_their_records(records: list[bytes]) -> None:
    assert parse_entries(build_entries(records), len(records)) == tuple(records)


@pytest.mark.parametrize(("bundle", "width"), [(b"\x00", 1), (b"\x00\x02a", 1), (b"\x00\x01a", 2)])
def test_a_torn_bundle_is_refused(bundle: bytes, width: int) -> None:
    with pytest.raises(LogUnusable):
        parse_entries(bundle, width)
