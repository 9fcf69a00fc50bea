"""元数据 · the record that travels inside the file, under the names of GB/T 36903 and GB/T 36905.

Days are ISO 8601; moments are local civil time with its offset, `2026-03-05T14:30:00+08:00`.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Final

import orjson

from certstore.documents.face import Face
from certstore.issue import CIVIL_UTC_OFFSET

CIVIL: Final = timezone(timedelta(seconds=CIVIL_UTC_OFFSET))
METADATA_NAME: Final = "metadata.json"
CREDENTIAL_NAME: Final = "certificate.sd-jwt"
CREDENTIAL_TYPE: Final = "application/dc+sd-jwt"


def metadata_of(face: Face, at: datetime) -> dict[str, str]:
    """The metadata of a file that is made and sealed `at` a moment (aware)."""
    record: dict[str, str | None] = {
        "ZZMC": face.title.zh,
        "ZZLXDM": face.type_code,
        "ZZBS": face.identifier,
        "ZZBFJG": face.issuer.zh,
        "ZZBFJGDM": face.issuer_code,
        "ZZBFRQ": face.issued_on.isoformat(),
        "CZZT": face.holder_name,
        "CZZTDM": face.holder_id,
        "CZZTDMLX": face.holder_id_title.zh if face.holder_id_title else None,
        "CZZTDMLXDM": face.holder_id_type,
        "ZZYXQQSRQ": face.valid_from.isoformat() if face.valid_from else None,
        "ZZYXQJZRQ": face.valid_until.isoformat() if face.valid_until else None,
        "ZZQZR": face.issuer.zh,
        "ZZQZSJ": civil_time(at),
        "ZZQZMC": f"{face.issuer.zh}电子证照专用章",
        "CJSJ": civil_time(at),
    }
    for line in face.lines:
        if line.metadata is not None and record.get(line.metadata) is None:
            record[line.metadata] = line.value
    if (annotation := face.annotation) is not None:
        record |= {
            "JZJZZSJ": civil_time(annotation.made_at),
            "JZJZZZ": annotation.maker.zh,
            "JZJZZSY": annotation.reason,
            "JZJYXQJZSJ": annotation.valid_until.isoformat(),
            # The standard has no name for the case that a copy was made for.
            "KZ_BJBH": annotation.case_number,
        }
    return {name: value for name, value in record.items() if value is not None}


def metadata_json(face: Face, at: datetime) -> str:
    """`metadata_of` as JSON with sorted names."""
    return orjson.dumps(
        metadata_of(face, at), option=orjson.OPT_SORT_KEYS | orjson.OPT_INDENT_2
    ).decode()


def civil_time(at: datetime) -> str:
    """A moment (aware) as civil time of China, to the second."""
    return at.astimezone(CIVIL).isoformat(timespec="seconds")
