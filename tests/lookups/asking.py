"""What lookups ask in these tests."""

from __future__ import annotations

from typing import Any

from tests.hub import HEALTH


def hygiene_item() -> str:
    """The code of the health commission's first item that lists business licences."""
    from exchange.items.definitions import load_definitions

    return next(
        definition["code"]
        for definition in load_definitions()
        if definition["department"] == HEALTH
        and any(
            way.get("certificate") == "business-licence"
            for material in definition["materials"]
            for way in material["ways"]
        )
    )


def lookup(holder: str, **changes: Any) -> dict[str, Any]:
    """A lookup that the packaged rules permit; ``None`` leaves a member out."""
    body: dict[str, Any] = {
        "certificate_type": "business-licence",
        "holder": {"id_type": "001", "id": holder},
        "fields": ["name", "credit_code"],
        "purpose": {"item": hygiene_item(), "case": "2026-000123"},
        "basis": {"kind": "statutory"},
        "operator": {"account": "zhang.wei", "name": "张伟", "unit": "综合窗口3号"},
        **changes,
    }
    return {name: value for name, value in body.items() if value is not None}
