"""What the items room sends."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from exchange.items.definitions import Item, Material


class Names(BaseModel):
    """A text in both languages."""

    zh: str
    en: str


class WayOut(BaseModel):
    """One way to satisfy a material: a certificate with its fields, or a document."""

    certificate: str | None
    fields: list[str]
    document: str | None


class MaterialOut(BaseModel):
    """One material of an item."""

    code: str
    name: Names
    legal_ground: str
    need_not_be_brought: bool
    ways: list[WayOut]

    @classmethod
    def of(cls, material: Material) -> MaterialOut:
        """The answer's form of a material."""
        return cls(
            code=material.code,
            name=Names(zh=material.name_zh, en=material.name_en),
            legal_ground=material.legal_ground,
            need_not_be_brought=material.certificate is not None,
            ways=[
                WayOut(
                    certificate=way.certificate_type,
                    fields=sorted(way.fields),
                    document=way.material_kind,
                )
                for way in material.ways
            ],
        )


class ItemOut(BaseModel):
    """One service item (政务服务事项)."""

    model_config = ConfigDict(json_schema_extra={"description": "Newest version of an item"})

    code: str
    version: int
    basic_code: str
    department: str
    name: Names
    legal_ground: str
    time_limit_working_days: int
    materials: list[MaterialOut]

    @classmethod
    def of(cls, item: Item) -> ItemOut:
        """The answer's form of an item."""
        return cls(
            code=item.code,
            version=item.version,
            basic_code=item.basic_code,
            department=item.department,
            name=Names(zh=item.name_zh, en=item.name_en),
            legal_ground=item.legal_ground,
            time_limit_working_days=item.time_limit_working_days,
            materials=[MaterialOut.of(each) for each in item.materials],
        )


class ItemsOut(BaseModel):
    """All items."""

    items: list[ItemOut]
