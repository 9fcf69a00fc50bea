"""Invented registers for the demonstration: the shape of the real ones, nobody's data.

File names, columns and formats are those of the public registers the built-in definitions read.
Credit codes are valid (GB 32100) but lie in a block (``MY…``) that no authority gives out. Beside
clean rows stand deliberate faults of each kind, and the manifest says where.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from random import Random
from typing import TypeAlias

from stdnum.cn import uscc

_Changes: TypeAlias = tuple[tuple[str, str, dict[str, str]], ...]

_CITIES = {"广州": "4401", "深圳": "4403", "珠海": "4404", "佛山": "4406", "东莞": "4419"}
_MARKS = ("云汐砚岚澄珩", "禾岫舟翎榆屿", "翠迢楠澍川麓")
_TRADES = ("五金制品", "电子科技", "餐饮管理", "家具", "物流", "环保设备", "农产品", "印刷包装")
_ADJECTIVES = ("AMBER", "BRISK", "COPPER", "DAPPLED", "EVENING", "FERN", "GRANITE", "HOLLOW")
_NOUNS = ("HERON", "LANTERN", "MEADOW", "ORCHARD", "PEBBLE", "QUILL", "SPARROW", "THISTLE")
_SHOPS = ("BAKERY", "BICYCLES", "BOOKSHOP", "CLEANERS", "FLORIST", "GROCERY", "HARDWARE", "TAILOR")
_BOROUGHS = ("Manhattan", "Bronx", "Brooklyn", "Queens", "Staten Island")

_ENTERPRISE_COLUMNS, _TERM_COLUMNS = csv.reader(
    [
        "企业名称,统一社会信用代码,注册日期,企业类型,注册资金,经营范围,所在省份,地区,注册地址",
        "ID,LICENSE ID,ACCOUNT NUMBER,SITE NUMBER,LEGAL NAME,DOING BUSINESS AS NAME,ADDRESS,CITY,"
        "STATE,ZIP CODE,WARD,PRECINCT,WARD PRECINCT,POLICE DISTRICT,LICENSE CODE,"
        "LICENSE DESCRIPTION,BUSINESS ACTIVITY ID,BUSINESS ACTIVITY,LICENSE NUMBER,"
        "APPLICATION TYPE,APPLICATION CREATED DATE,APPLICATION REQUIREMENTS COMPLETE,PAYMENT DATE,"
        "CONDITIONAL APPROVAL,LICENSE TERM START DATE,LICENSE TERM EXPIRATION DATE,"
        "LICENSE APPROVED FOR ISSUANCE,DATE ISSUED,LICENSE STATUS,LICENSE STATUS CHANGE DATE,"
        "SSA,LATITUDE,LONGITUDE,LOCATION",
    ]
)

_PAIR = "expect_column_pair_values_a_to_be_greater_than_b"
_PATTERN = "expect_column_values_to_match_regex"
_SET = "expect_column_values_to_be_in_set"

# Faults that change cells of a good row: kind, the connectors' rule that finds it, the cells.
_ENTERPRISE_FAULTS: _Changes = (
    ("broken-date", "unreadable-date", {"注册日期": "1997-02-30"}),
    ("missing-name", "missing-required", {"企业名称": "N/A"}),
    ("over-long-scope", "over-long-field", {"经营范围": "零售；" * 1000}),
    ("shifted-columns", _SET, {"所在省份": "电烤箱"}),
    ("control-character", "control-character", {"注册地址": "云屿路\x001号"}),
)
_TERM_FAULTS: _Changes = (
    ("end-before-start", _PAIR, {"LICENSE TERM EXPIRATION DATE": "11/15/1996"}),
    ("broken-date", "unreadable-date", {"DATE ISSUED": "13/45/2025"}),
    ("missing-start", "missing-required", {"LICENSE TERM START DATE": ""}),
    ("unknown-status", "unknown-state", {"LICENSE STATUS": "XYZ"}),
    ("over-long-name", "over-long-field", {"DOING BUSINESS AS NAME": "HERON " * 200}),
)
_FACILITY_FAULTS: _Changes = (
    ("end-before-start", _PAIR, {"lic_expir_dd": "2000-12-31T00:00:00.000"}),
    ("broken-date", "unreadable-date", {"lic_expir_dd": "soon"}),
    ("missing-name", "missing-required", {"business_name": ""}),
    ("unknown-status", "unknown-state", {"license_status": "?"}),
    ("foreign-number", _PATTERN, {"license_nbr": "71-PARK"}),
)

# The last terms end late, so that the story holds for years after it was written.
_LAST_TERM_ENDS = date(2035, 11, 15)
_ROWS = {"enterprises": 300, "terms": 120, "facilities": 200}


@dataclass(frozen=True, slots=True)
class SeededFault:
    """One deliberate fault: the data row it stands in (from 1), its kind, and the connectors' rule
    that must find it."""

    row_number: int
    kind: str
    rule: str


@dataclass(frozen=True, slots=True)
class KnownHolder:
    """A holder whose rows are all clean and whose latest state is valid (01).

    ``serial`` is the licence's number as a certificate identifier writes it, ``terms`` how many
    terms it has.
    """

    holder_id_type: str
    holder_id: str
    holder_name: str
    serial: str
    terms: int


@dataclass(frozen=True, slots=True)
class RegisterManifest:
    """What was written for one department: file name, data rows, faults, and holders to pick."""

    department: str
    file: str
    rows: int
    faults: tuple[SeededFault, ...]
    holders: tuple[KnownHolder, ...]

    @property
    def clean(self) -> int:
        """Rows without a deliberate fault."""
        return self.rows - len(self.faults)


@dataclass(frozen=True, slots=True)
class Manifest:
    """What ``generate`` wrote. ``terms.holders`` have several terms, the others one record."""

    seed: int
    scale: int
    enterprises: RegisterManifest
    terms: RegisterManifest
    facilities: RegisterManifest

    @property
    def registers(self) -> tuple[RegisterManifest, ...]:
        """All three, in the order of the story."""
        return (self.enterprises, self.terms, self.facilities)


def generate(root: Path, *, seed: int = 20180, scale: int = 1) -> Manifest:
    """Write the three registers into ``root`` (made if absent) and say what is in them.

    About 300, 120 and 200 rows times ``scale``; the number of faulty rows does not grow with it.
    The same seed and scale give the same bytes; a file that already holds them is left alone.
    Raises ValueError for a scale below 1.
    """
    if scale < 1:
        raise ValueError("scale must be at least 1")
    root.mkdir(parents=True, exist_ok=True)
    makers = (_enterprises, _terms, _facilities)
    manifests = []
    for number, maker in enumerate(makers):
        manifest, content = maker(Random(seed * 10 + number), scale)  # noqa: S311 (no secret)
        _write(root / manifest.file, content)
        manifests.append(manifest)
    return Manifest(seed, scale, *manifests)


def _write(path: Path, content: bytes) -> None:
    if path.is_file() and path.read_bytes() == content:
        return
    unfinished = path.with_suffix(path.suffix + ".part")
    unfinished.write_bytes(content)
    unfinished.replace(path)


@dataclass(frozen=True, slots=True)
class _Faulty:
    kind: str
    rule: str
    content: bytes


def _mix(
    random: Random, clean: Sequence[bytes], faulty: Sequence[_Faulty]
) -> tuple[list[bytes], tuple[SeededFault, ...]]:
    """Spread faulty rows over the second half: what they repeat stands in the first."""
    rows: list[bytes | _Faulty] = list(clean)
    for row in faulty:
        rows.insert(random.randint(len(clean) // 2, len(rows)), row)
    faults = tuple(
        SeededFault(number, row.kind, row.rule)
        for number, row in enumerate(rows, start=1)
        if isinstance(row, _Faulty)
    )
    return [row.content if isinstance(row, _Faulty) else row for row in rows], faults


def _csv_row(cells: Iterable[str], end: str) -> bytes:
    line = io.StringIO()
    csv.writer(line, lineterminator=end).writerow(cells)
    return line.getvalue().encode()


def _changed(row: Sequence[str], columns: Sequence[str], cells: Mapping[str, str]) -> list[str]:
    return [cells.get(column, cell) for column, cell in zip(columns, row, strict=True)]


def _credit_code(region: str, number: int) -> str:
    stem = f"91{region}00MY{number:07d}"
    return f"{stem}{uscc.calc_check_digit(stem)}"


def _enterprise(random: Random, number: int) -> list[str]:
    city = random.choice(list(_CITIES))
    trade = random.choice(_TRADES)
    name = f"{city}市{''.join(random.choice(m) for m in _MARKS)}{trade}有限公司"
    capital = random.choice(("N/A", f"{random.randint(1, 90) * 10}(万元人民币)", "1,000(万元)"))
    return [
        name,
        _credit_code(_CITIES[city], number),
        (date(1997, 1, 1) + timedelta(days=random.randrange(365))).isoformat(),
        random.choice(("N/A", "有限责任公司", "个人独资企业")),
        capital,
        "N/A" if random.random() < 0.05 else f"{trade}的制造、批发与零售。",
        "广东",
        city,
        f"{city}市{random.choice(('澄湖', '翠麓', '云屿'))}路{random.randint(1, 300)}号",
    ]


def _enterprises(random: Random, scale: int) -> tuple[RegisterManifest, bytes]:
    columns, end = _ENTERPRISE_COLUMNS, "\r\n"
    start = random.randrange(1_000_000)
    total = _ROWS["enterprises"] * scale
    rows = [_enterprise(random, start + n) for n in range(total)]
    code = rows[-1][1]
    wrong = {"统一社会信用代码": code[:-1] + ("1" if code.endswith("0") else "0")}
    check_digit = ("check-digit", "expect_column_values_to_have_valid_check_digit", wrong)
    faulty = [
        _Faulty(kind, rule, _csv_row(_changed(rows.pop(), columns, cells), end))
        for kind, rule, cells in (check_digit, *_ENTERPRISE_FAULTS)
    ]
    elsewhere = _changed(rows[2], columns, {"注册地址": "翠麓路另一处9号"})
    broken = _csv_row(rows.pop(), end).replace("市".encode(), b"\xff\xfe", 1)
    faulty += [
        _Faulty("ragged-row", "ragged-row", _csv_row(rows.pop()[:-2], end)),
        _Faulty("broken-quoting", "broken-quoting", b'"' + _csv_row(rows.pop(), end)),
        _Faulty("broken-encoding", "broken-encoding", broken),
        _Faulty("duplicate-row", "duplicate-row", _csv_row(rows[1], end)),
        _Faulty("duplicate-number", "duplicate-number", _csv_row(elsewhere, end)),
    ]
    # Two faulty rows repeat clean ones, so two clean rows make room for them.
    del rows[total - len(faulty) :]
    lines, faults = _mix(random, [_csv_row(r, end) for r in rows], faulty)
    holders = tuple(KnownHolder("001", r[1], r[0], r[1], 1) for r in rows[3:13])
    file = "guangdong_enterprises_1997.csv"
    return (
        RegisterManifest("11440000MB2D01234C", file, len(lines), faults, holders),
        b"".join([_csv_row(columns, end), *lines]),
    )


def _american(day: date) -> str:
    return day.strftime("%m/%d/%Y")


def _licence(random: Random, number: int, terms: int, status: str) -> list[list[str]]:
    """The terms of one licence, the last of them ending in 2035 and in the state ``status``."""
    name = f"{random.choice(_ADJECTIVES)} {random.choice(_NOUNS)} {random.choice(_SHOPS)}"
    address = f"{random.randint(100, 5999)} W {random.choice(_NOUNS)} AVE"
    account = str(100_000 + number % 800_000)
    licence = str(3_000_000 + number)
    rows = []
    for term in range(terms):
        left = terms - 1 - term
        start = date(2025 - 2 * left, 11, 16)
        ends = _LAST_TERM_ENDS if left == 0 else date(start.year + 2, 11, 15)
        cells = dict.fromkeys(_TERM_COLUMNS, "")
        cells |= {
            "ID": f"{licence}-{start:%Y%m%d}",
            "LICENSE ID": str(5_000_000 + number * 10 + term),
            "ACCOUNT NUMBER": account,
            "SITE NUMBER": "1",
            "LEGAL NAME": f"{name} LLC",
            "DOING BUSINESS AS NAME": name,
            "ADDRESS": address,
            "CITY": "CHICAGO",
            "STATE": "IL",
            "ZIP CODE": "60651",
            "LICENSE CODE": "1010",
            "LICENSE DESCRIPTION": "Limited Business License",
            "LICENSE NUMBER": licence,
            "APPLICATION TYPE": "RENEW" if term else "ISSUE",
            "CONDITIONAL APPROVAL": "N",
            "LICENSE TERM START DATE": _american(start),
            "LICENSE TERM EXPIRATION DATE": _american(ends),
            "DATE ISSUED": _american(start + timedelta(days=random.randrange(1, 40))),
            "LICENSE STATUS": status if left == 0 else "AAI",
            "LICENSE STATUS CHANGE DATE": "03/02/2026" if left == 0 and status != "AAI" else "",
            "LOCATION": f"(41.89{number % 10_000:04d}, -87.77)",
        }
        rows.append(list(cells.values()))
    return rows


def _terms(random: Random, scale: int) -> tuple[RegisterManifest, bytes]:
    columns, end = _TERM_COLUMNS, "\n"
    start = random.randrange(10_000)
    statuses = ("AAI",) * 8 + ("AAC", "REV")
    clean = _ROWS["terms"] * scale - len(_TERM_FAULTS) - 4
    rows: list[list[str]] = []
    holders: list[KnownHolder] = []
    number = 0
    while len(rows) < clean:
        terms = min(1 + number % 4, clean - len(rows))
        status = statuses[number % len(statuses)]
        licence = _licence(random, start + number, terms, status)
        # The first licence is the one that the duplicates repeat.
        if terms > 1 and status == "AAI" and number < 40:
            account, name, serial = (licence[0][i] for i in (2, 4, 18))
            holders.append(KnownHolder("x-chicago-account", account, name, serial, terms))
        rows += licence
        number += 1
    spare = [
        _licence(random, start + 900_000 + n, 1, "AAI")[0] for n in range(len(_TERM_FAULTS) + 2)
    ]
    faulty = [
        _Faulty(kind, rule, _csv_row(_changed(spare.pop(), columns, cells), end))
        for kind, rule, cells in _TERM_FAULTS
    ]
    elsewhere = _changed(rows[0], columns, {"ADDRESS": "1 W PEBBLE AVE"})
    broken = _csv_row(spare.pop(), end).replace(b" W ", b" W\xe9 ", 1)
    faulty += [
        _Faulty("ragged-row", "ragged-row", _csv_row(spare.pop()[:-1], end)),
        _Faulty("broken-encoding", "broken-encoding", broken),
        _Faulty("duplicate-row", "duplicate-row", _csv_row(rows[0], end)),
        _Faulty("duplicate-number", "duplicate-number", _csv_row(elsewhere, end)),
    ]
    lines, faults = _mix(random, [_csv_row(r, end) for r in rows], faulty)
    file = "chicago_business_licenses.csv"
    return (
        RegisterManifest("11440100MB2C056783", file, len(lines), faults, tuple(holders)),
        b"".join([_csv_row(columns, end), *lines]),
    )


def _facility(random: Random, number: int) -> dict[str, str]:
    active = number % 3 != 0
    created = date(2005, 1, 3) + timedelta(days=random.randrange(5000))
    expires = date(2035, 3, 31) if active else date(2021, 3, 31)
    record = {
        "license_nbr": f"{7_000_000 + number:07d}-DCA",
        "license_status": "Active" if active else "Inactive",
        "license_creation_date": f"{created}T00:00:00.000",
        "lic_expir_dd": f"{expires}T00:00:00.000",
        "industry": random.choice(("Garage", "Parking Lot", "Garage and Parking Lot")),
        "business_name": f"{random.choice(_ADJECTIVES)} {random.choice(_NOUNS)} PARKING LLC",
        "business_name_2": f"{random.choice(_NOUNS)} PARK",
        "address_building": str(random.randint(1, 999)),
        "address_street_name": f"{random.choice(_NOUNS)} ST",
        "address_borough": random.choice(_BOROUGHS),
        "detail_2": f"Vehicle Spaces: {random.randint(5, 400)}, Bicycle Spaces: ",
    }
    if number % 5 == 0:
        del record["business_name_2"]
    return record


def _facilities(random: Random, scale: int) -> tuple[RegisterManifest, bytes]:
    start = random.randrange(100_000)
    total = _ROWS["facilities"] * scale
    records = [_facility(random, start + n) for n in range(total - 2)]
    faulty = [
        _Faulty(kind, rule, _json({**records.pop(), **cells}))
        for kind, rule, cells in _FACILITY_FAULTS
    ]
    elsewhere = _json({**records[2], "address_building": "0"})
    broken = _json(records.pop()).replace(b" ST", b" \xff", 1)
    faulty += [
        _Faulty("nested-value", "nested-value", _json({**records.pop(), "industry": ["Garage"]})),
        _Faulty("broken-encoding", "broken-encoding", broken),
        _Faulty("duplicate-row", "duplicate-row", _json(records[1])),
        _Faulty("duplicate-number", "duplicate-number", elsewhere),
    ]
    lines, faults = _mix(random, [_json(r) for r in records], faulty)
    holders = tuple(_facility_holder(r) for r in records[3:33] if r["license_status"] == "Active")
    file = "nyc_parking_licenses.json"
    return (
        RegisterManifest("11440300MB2E09012L", file, len(lines), faults, holders),
        b"[" + b"\n,".join(lines) + b"\n]\n",
    )


def _facility_holder(record: Mapping[str, str]) -> KnownHolder:
    number = record["license_nbr"]
    serial = number.replace("-", "")
    return KnownHolder("x-nyc-dca-licence", number, record["business_name"], serial, 1)


def _json(record: object) -> bytes:
    return json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode()
