"""Act d, second half: the licence leaves the hub as a file, as a copy for a case, as a code."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from exchange.client.applicant import Applicant
from exchange.client.lookups import LookupResult
from exchange.client.problems import YiciProblem
from exchange.demo import cast
from exchange.demo.checking import Expected, fetch_status_list, parts_told, verify_files
from exchange.demo.counter import Counter
from exchange.demo.playing import Enterprise, Play, StoryFailed, expect

CREDENTIAL: Final = "business-licence.sdjwt"
PDF: Final = "business-licence.pdf"
COPY: Final = "business-licence-copy.pdf"
CODE: Final = "one-time-code.svg"
_ALTERED: Final = "business-licence-altered.pdf"
_SHOWN: Final = ("credit_code", "name")
_SECONDS: Final = 120
_COPY_DAYS: Final = 30


@dataclass(frozen=True, slots=True)
class Licence:
    """The licence as its holder took it home."""

    credential: str
    pdf: bytes


def take_home(play: Play, enterprise: Enterprise, applicant: Applicant) -> Licence:
    """The holder downloads the licence in both forms; strangers find all of it valid, offline,
    and one altered byte of it not."""
    identifier = str(enterprise.identifier)
    licence = Licence(applicant.download(identifier), applicant.pdf(identifier))
    play.keep(CREDENTIAL, licence.credential)
    play.keep(PDF, licence.pdf)
    altered = bytearray(licence.pdf)
    altered[len(altered) // 2] ^= 1
    play.keep(_ALTERED, bytes(altered))
    fetch_status_list(play, licence.credential)
    play.tell.done(
        f"持证人下载执照：SD-JWT {len(licence.credential)} 字节，"
        f"加盖签章的 PDF {len(licence.pdf) // 1024} kB",
        f"the holder downloads the licence: an SD-JWT of {len(licence.credential)} bytes, "
        f"a sealed PDF of {len(licence.pdf) // 1024} kB",
    )
    sealed, _, refused = verify_files(
        play,
        (
            Expected(PDF, "status", "valid", "status-valid"),
            Expected(CREDENTIAL, "status", "valid", "status-valid"),
            Expected(_ALTERED, "integrity", "invalid", "altered"),
        ),
    )
    play.tell.done(
        "另一进程仅凭公开的可信名单、根证书和状态列表离线核验，两种文件各项均有效；PDF：",
        "a separate process with the public trust document, root and status list alone finds "
        "both valid in every part; of the PDF it says:",
    )
    play.tell.quote(parts_told(sealed))
    play.tell.refused(
        f"PDF 改动一个字节：{refused['integrity']['zh']}",
        f"one byte of the PDF altered: {refused['integrity']['en']}",
    )
    return licence


def copy_for_case(play: Play, counter: Counter, result: LookupResult) -> None:
    """The approval system gets an annotated copy (加注件): what it looked up, and no more."""
    [certificate] = result.certificates
    reason = f"办理“{counter.case.item_name.zh}”，核对主体资格"
    made = counter.system.files.copy(
        certificate.identifier, lookup=result.lookup, reason=reason, valid_days=_COPY_DAYS
    )
    play.keep(COPY, made.content)
    [found] = verify_files(play, (Expected(COPY, "status", "valid", "status-valid"),))
    stated, inside = found["seal"]["metadata"], found["certificate"]["fields"]
    expect(
        stated["JZJZZSY"] == reason and set(inside) <= set(certificate.fields),
        "加注件载明事由，且只含查验所得",
        "the copy states why, and holds only what was looked up",
    )
    play.tell.done(
        f"{cast.CENTRE.name_zh}取得加注件（{len(inside)} 个字段），载明制作单位、办件、事由，"
        f"使用至 {stated['JZJYXQJZSJ']}；离线核验有效",
        f"the annotated copy for the case ({len(inside)} fields) says who has it, for which case, "
        f"why, and until {stated['JZJYXQJZSJ']}; valid offline",
    )


def show_once(play: Play, counter: Counter, enterprise: Enterprise, applicant: Applicant) -> None:
    """The holder shows two fields by a one-time code (用证码); a second scan is refused."""
    made = applicant.show(str(enterprise.identifier), _SHOWN, seconds=_SECONDS)
    play.keep(CODE, made.svg)
    shown = _scan(counter, made.text)
    [certificate] = shown.certificates
    expect(
        tuple(sorted(certificate.fields)) == _SHOWN,
        "窗口只看到选定的两个字段",
        "the counter sees the two chosen fields and no other",
    )
    play.keep("one-time-code-redeemed.json", shown.evidence())
    play.tell.done(
        f"申请人选定 {len(_SHOWN)} 个字段，生成 {_SECONDS} 秒内有效的用证码；"
        f"窗口扫码即见（记录 {shown.index}）",
        f"the holder shows {len(_SHOWN)} fields by a one-time code, good for {_SECONDS} s; "
        f"the counter scans it (record {shown.index})",
    )
    try:
        _scan(counter, made.text)
    except YiciProblem as problem:
        expect(
            problem.rules == ("code-used",),
            "第二次扫码应因 code-used 被拒",
            "the second scan should be refused by code-used",
        )
        reason = problem.reasons[0]
        play.tell.refused(
            f"第二次扫码：{reason.zh}（记录 {problem.record}）",
            f"the second scan: {reason.en} (record {problem.record})",
        )
    else:
        raise StoryFailed("用证码被使用了两次", "a one-time code was good twice")
    [newest, *_] = applicant.showings()
    expect(
        (newest.id, newest.state) == (made.id, "used"),
        "持证人看到用证码已被使用",
        "the holder sees that the code was used",
    )


def _scan(counter: Counter, code: str) -> LookupResult:
    return counter.system.redeem(
        code, item=counter.item, case=counter.case.case_number, operator=counter.operator
    )
