"""Sample certificates, one of each type that comes with the library: invented, for pictures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final

from certstore.certificate_type import Title
from certstore.documents.drawing import Drawer
from certstore.documents.face import Annotation, Face, face_of
from certstore.holders import Holder
from certstore.identifiers import CertificateIdentifier
from certstore.types import load_types

MADE_AT: Final = datetime(2026, 3, 5, 1, 30, tzinfo=UTC)

_SAMPLES: Final[Mapping[str, Mapping[str, Any]]] = {
    "business-licence": {
        "issuer": Title("云州市市场监督管理局", "Yunzhou Administration for Market Regulation"),
        "code": "11440000MB2F03456K",
        "holder": Holder("001", "91440000MA4W3X2Y1D", "云州青禾食品有限公司"),
        "fields": {
            "name": "云州青禾食品有限公司",
            "credit_code": "91440000MA4W3X2Y1D",
            "enterprise_type": "有限责任公司（自然人投资或控股）",
            "registered_capital": "人民币壹仟万元整",
            "business_scope": (
                "许可项目：食品生产；食品销售；餐饮服务。一般项目：农副产品销售；"
                "食品进出口；国内贸易代理；普通货物仓储服务；技术服务、技术开发、"
                "技术咨询。（依法须经批准的项目，经相关部门批准后方可开展经营活动）"
            ),
            "region": "云州市",
            "address": "云州市青禾区稻香路18号A座3层",
            "registered_on": "2019-04-11",
        },
        "issued_on": date(2026, 3, 2),
        "valid": (date(2019, 4, 11), None),
    },
    "limited-business-licence": {
        "issuer": Title("云州市商业许可办公室", "Yunzhou Office of Business Licensing"),
        "code": "11440100MB2C056783",
        "holder": Holder("x-chicago-account", "204817", "LAKESIDE COFFEE ROASTERS LLC"),
        "fields": {
            "licence_number": "2834417",
            "legal_name": "LAKESIDE COFFEE ROASTERS LLC",
            "trade_name": "Lakeside Coffee",
            "licence_description": "Retail Food Establishment",
            "address": "1200 W Lake St, 1st floor",
            "city": "Chicago",
            "state": "IL",
            "zip_code": "60607",
            "application_type": "RENEW",
        },
        "issued_on": date(2026, 1, 16),
        "valid": (date(2026, 1, 16), date(2028, 1, 15)),
    },
    "parking-facility-licence": {
        "issuer": Title("云州市交通运输局", "Yunzhou Bureau of Transport"),
        "code": "11440300MB2E09012L",
        "holder": Holder("x-nyc-dca-licence", "2071933-DCA", "HUDSON PARKING CORP."),
        "fields": {
            "licence_number": "2071933-DCA",
            "business_name": "HUDSON PARKING CORP.",
            "trade_name": "Hudson Garage",
            "industry": "Garage",
            "building": "415",
            "street": "W 33RD ST",
            "borough": "Manhattan",
            "spaces": "Car Spaces: 120, Bicycle Spaces: 12",
        },
        "issued_on": date(2025, 4, 1),
        "valid": (date(2025, 4, 1), date(2027, 3, 31)),
    },
}


def sample_faces() -> Iterator[tuple[str, Face]]:
    """A name for a file and the face for it: each type once, and one annotated copy."""
    types = load_types()
    for key, sample in _SAMPLES.items():
        kind = types[key]
        yield key, _face(kind, sample)
    key = "business-licence"
    yield f"{key}-copy", _face(types[key], _SAMPLES[key], _annotation())


def _face(kind: Any, sample: Mapping[str, Any], annotation: Annotation | None = None) -> Face:
    identifier = CertificateIdentifier(kind.code, sample["code"], "20260000017", 1)
    return face_of(
        kind,
        identifier,
        issuer_code=sample["code"],
        issuer=sample["issuer"],
        holder=sample["holder"],
        fields=sample["fields"],
        issued_on=sample["issued_on"],
        valid_from=sample["valid"][0],
        valid_until=sample["valid"][1],
        qr=f"https://yici.example/v/{identifier}",
        annotation=annotation,
        only=("name", "credit_code", "business_scope", "address") if annotation else None,
    )


def _annotation() -> Annotation:
    return Annotation(
        made_at=MADE_AT,
        maker=Title("云州市政务服务中心综合窗口", "Yunzhou Service Centre, front desk"),
        reason="办理食品经营许可，核对主体资格",
        valid_until=date(2026, 4, 4),
        case_number="YZ-2026-000482",
    )


def write_samples(folder: Path, drawer: Drawer, *, ppi: float = 100.0) -> list[Path]:
    """Draw every sample as a PNG into `folder`; says what was written."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, face in sample_faces():
        path = folder / f"{name}.png"
        path.write_bytes(drawer.picture(face, MADE_AT, "png", ppi=ppi)[0])
        written.append(path)
    return written
