"""Masks a permit lays on the fields it releases: ``@mask("name=first1last1, address=hidden")``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final, Literal

Mask = Literal["none", "first1last1", "hidden"]

_STRICTNESS: Final[Mapping[str, int]] = {"none": 0, "first1last1": 1, "hidden": 2}


def parse_masks(annotation: str) -> dict[str, str]:
    """Field → mask of one annotation.

    Raises ValueError for a mask that does not exist, an entry without a field, a field named twice.
    """
    masks: dict[str, str] = {}
    for entry in annotation.split(","):
        field, separator, mask = (part.strip() for part in entry.partition("="))
        if not separator or not field or field in masks or mask not in _STRICTNESS:
            raise ValueError("not a list of field=mask")
        masks[field] = mask
    return masks


def strictest(fields: Iterable[str], layers: Iterable[Mapping[str, str]]) -> Mapping[str, str]:
    """The mask of every field of `fields`; where several layers name a field, the stricter wins."""
    masks = dict.fromkeys(fields, "none")
    for layer in layers:
        for field, mask in layer.items():
            if field in masks and _STRICTNESS[mask] > _STRICTNESS[masks[field]]:
                masks[field] = mask
    return MappingProxyType(masks)


def lifted_by_name(masks: Mapping[str, str], layers: Iterable[Mapping[str, str]]) -> frozenset[str]:
    """The fields of `masks` that end unmasked although, or because, a layer names them."""
    named = {field for layer in layers for field in layer}
    return frozenset(field for field, mask in masks.items() if mask == "none" and field in named)
