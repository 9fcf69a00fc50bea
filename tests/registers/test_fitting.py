"""Definitions of registers and the certificate types they feed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from certstore.types import load_types
from connectors import load_definitions
from exchange.registers.fitting import find_misfit

DEFINITIONS = {each.key: each for each in load_definitions().values()}


@pytest.mark.parametrize("register", DEFINITIONS)
def test_every_packaged_register_fits_its_type(register: str) -> None:
    definition = DEFINITIONS[register]
    assert find_misfit(definition, load_types()[definition.certificate_type]) is None


def test_all_that_does_not_fit_is_said_at_once() -> None:
    definition = DEFINITIONS["market-regulator"]
    fields = dict(definition.fields)
    fields["shoe_size"] = fields.pop("name")
    kind = replace(load_types()["business-licence"], issuers=frozenset())
    misfit = find_misfit(replace(definition, fields=fields), kind)
    assert misfit is not None
    assert all(word in misfit.en for word in ("shoe_size", "name", "may not issue"))
    assert misfit.zh
