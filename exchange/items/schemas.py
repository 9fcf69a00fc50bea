"""What the items room takes and sends."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from exchange.items.definitions import Item, Material


class Names(BaseModel):
    """A text in both languages."""

    zh: str
    en: str


class _In(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class NamesIn(_In):
    """A text in both languages."""

    zh: str
    en: str


class WayIn(_In):
    """One way to satisfy a material: a certificate with the fields needed, or a document."""

    certificate: str | None = None
    fields: Annotated[list[str], Field(max_length=100)] = []
    document: str | None = None


class MaterialIn(_In):
    """One material that an item asks for."""

    code: str
    name: NamesIn
    legal_ground: str = ""
    ways: Annotated[list[WayIn], Field(min_length=1, max_length=50)]


class ItemIn(_In):
    """A service item to be published, in the form of the definition files."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "code": "11440000MB2F03456K2000131019000",
                    "basic_code": "000131019000",
                    "department": "11440000MB2F03456K",
                    "name": {"zh": "食品经营许可", "en": "Food business permit"},
                    "legal_ground": "《中华人民共和国食品安全法》第三十五条",
                    "time_limit_working_days": 10,
                    "materials": [
                        {
                            "code": "business-licence",
                            "name": {"zh": "营业执照", "en": "Business licence"},
                            "ways": [{"certificate": "business-licence", "fields": ["name"]}],
                        }
                    ],
                }
            ]
        }
    )

    code: str
    basic_code: str
    department: str
    name: NamesIn
    legal_ground: str
    time_limit_working_days: Annotated[int, Field(strict=True)]
    materials: Annotated[list[MaterialIn], Field(min_length=1, max_length=100)]

    def definition(self) -> dict[str, Any]:
        """The definition as it was sent, what was left out left out."""
        return self.model_dump(exclude_unset=True)


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
