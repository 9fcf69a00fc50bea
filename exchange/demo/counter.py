"""Acts b to e: a case, the applicant's consent, a proven lookup, and one document for two cases."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from exchange.authorizations.artefacts import verify_grant
from exchange.client.applicant import Applicant
from exchange.client.cases import Authorization, Case, ChecklistLine, Request
from exchange.client.lookups import Lookup, LookupResult, Operator
from exchange.client.system import Yici
from exchange.demo import cast
from exchange.demo.documents import floor_plan, statement
from exchange.demo.playing import Enterprise, Play, expect

LICENCE = "business-licence"
PLAN = "premises-floor-plan"
USES, DAYS = 2, 7
_STATES = {
    "given": "已提供 given",
    "held": "库中已有，可查验 held",
    "reusable": "可复用 reusable",
    "needs-authorization": "需申请人授权 needs authorization",
    "to-be-given": "需提交 to be given",
}
_HOW = {"certificate": "证照 certificate", "shared": "复用 shared", "upload": "上传 upload"}


@dataclass(frozen=True, slots=True)
class Counter:
    """A case at a counter: who asks, and about which item."""

    system: Yici
    operator: Operator
    item: str
    case: Case

    def lookup(
        self, enterprise: Enterprise, line: ChecklistLine, fields: Sequence[str] | None = None
    ) -> Lookup:
        """The lookup that a line of the checklist allows."""
        return Lookup(
            certificate_type=line.certificate_type or LICENCE,
            fields=fields or line.fields,
            holder=enterprise.holder,
            item=self.item,
            case=self.case.case_number,
            basis=line.basis,
            authorization=line.authorization,
            operator=self.operator,
        )


def open_case(play: Play, enterprise: Enterprise) -> Counter:
    """Act b: the approval system authenticates, opens a case and reads the checklist."""
    system = play.system(cast.CENTRE_SYSTEM)
    item = _item(play, cast.CENTRE.code)
    case = system.open_case(item, f"YC-{play.mark}-1", enterprise.holder, cast.CENTRE_CLERK)
    play.tell.done(
        f"{cast.CENTRE_SYSTEM.name}以 {cast.CENTRE_SYSTEM.algorithm} 私钥认证，"
        f"受理“{case.item_name.zh}”办件 {case.case_number}",
        f"authenticated with private_key_jwt; case {case.case_number} opened for "
        f"“{case.item_name.en}”",
    )
    _tell_checklist(play, case)
    expect(
        case.get_line(LICENCE).state == "needs-authorization"
        and case.get_line(PLAN).state == "to-be-given",
        "营业执照需授权，平面图需提交",
        "the licence needs an authorization and the floor plan is to be given",
    )
    return Counter(system, cast.CENTRE_CLERK, item, case)


def ask_and_grant(play: Play, counter: Counter, applicant: Applicant) -> Authorization:
    """Act c: the applicant reads the request in plain words and agrees to less than was asked."""
    asked = [Request(LICENCE, uses=USES + 1, days=30)]
    [requested] = counter.system.request_authorizations(counter.case.id, asked)
    [waiting] = applicant.requests(counter.case.id)
    expect(
        waiting.id == requested.id and counter.case.case_number in waiting.sentence.zh,
        "申请人看到的正是此请求",
        "the applicant sees this very request",
    )
    play.tell.told(f"{applicant.name}登录后看到：", "what the applicant sees after signing in:")
    play.tell.quote(f"{waiting.sentence.zh}\n{waiting.sentence.en}")
    granted = applicant.grant(waiting.id, uses=USES, days=DAYS)
    expect(
        (granted.standing, granted.uses, granted.days) == ("valid", USES, DAYS),
        "授权已按缩小后的范围生效",
        "the authorization holds, as narrowed",
    )
    artefact = verify_grant(granted.artefact or "", counter.system.trust.answers)
    expect(
        (artefact.case_number, artefact.uses) == (counter.case.case_number, USES),
        "签名授权书载明此办件和次数",
        "the signed grant names this case and the uses",
    )
    play.keep("authorization.jwt", granted.artefact or "")
    play.tell.done(
        f"同意：{granted.department_name.zh}，{'、'.join(t.zh for t in granted.fields.values())}，"
        f"{USES} 次，{DAYS} 天（签名授权书可独立验证）",
        f"agreed: {granted.department_name.en}, {len(granted.fields)} fields, {USES} uses, "
        f"{DAYS} days; the signed grant verifies by itself",
    )
    return granted


def look_up(play: Play, counter: Counter, enterprise: Enterprise) -> tuple[Lookup, LookupResult]:
    """Act d: only the named fields come back, with an answer and a receipt that prove themselves.

    What was asked, which may be asked once more before the authorization is used up, and answered.
    """
    line = counter.system.case(counter.case.id).get_line(LICENCE)
    expect(line.state == "held", "授权后可查验执照", "the licence may be looked up now")
    asked = counter.lookup(enterprise, line)
    result = counter.system.look_up(asked)
    expect(len(result.certificates) == 1, "查到一份执照", "one licence was found")
    licence = result.certificates[0]
    expect(
        set(licence.fields) == set(asked.fields) and licence.state_code == "01",
        "只得到所列字段，且证照有效",
        "the named fields and no other, of a licence in force",
    )
    play.tell.done(
        f"查验 {len(licence.fields)} 个字段，日志记录 {result.index}",
        f"{len(licence.fields)} fields were released; record {result.index} of the log",
    )
    play.tell.table([("字段", "field"), ("值", "value")], sorted(licence.fields.items()))
    prove_offline(play, "lookup.json", result)
    case = counter.system.attach_certificate(counter.case.id, LICENCE, result.lookup)
    expect(case.get_line(LICENCE).how == "certificate", "执照已入办件", "it stands in the case")
    return asked, result


def prove_offline(play: Play, name: str, result: LookupResult) -> None:
    """A separate process proves the evidence with public keys, and refuses it once altered."""
    evidence = result.evidence()
    play.keep(name, evidence)
    trust = str(play.stage.place.demo / "trust.json")
    command = [sys.executable, "-m", "exchange.client.offline"]
    done = play.program([*command, name, "--trust", trust])
    expect(
        done.returncode == 0 and str(result.index) in done.stdout,
        "另一进程仅凭公钥离线核验通过",
        "another process proved it with public keys alone",
        done.stdout + done.stderr,
    )
    play.tell.done(
        "另一进程仅凭枢纽公钥离线核验：", "a separate process with public keys alone says:"
    )
    play.tell.quote(done.stdout)
    evidence["response"]["certificates"][0]["state"] = "suspended"
    play.keep("lookup-altered.json", evidence)
    altered = play.program([*command, "lookup-altered.json", "--trust", trust])
    expect(
        altered.returncode == 1,
        "改动一处即被发现",
        "one altered word is found",
        altered.stdout + altered.stderr,
    )
    play.tell.done("改动一处即不成立", "one word altered, and it holds no more")


def complete_case(play: Play, counter: Counter, applicant: Applicant) -> Case:
    """Act e, first half: the applicant uploads what nobody else can give."""
    case = counter.system.case(counter.case.id)
    for line in case.materials:
        if line.state == "to-be-given":
            plan = line.material == PLAN
            content = floor_plan(play.mark) if plan else statement(line.name.en, play.mark)
            document, case = applicant.upload(
                case.id,
                line.material,
                content,
                file_name=f"{line.name.zh}.pdf",
                media_type="application/pdf",
            )
            expect(
                document.sha256 == sha256(content).hexdigest(),
                "内容一致",
                "the content is the same",
            )
            play.tell.done(
                f"申请人上传“{line.name.zh}”（{document.size} 字节）",
                f"the applicant uploads “{line.name.en}” ({document.size} bytes)",
            )
    expect(case.complete, "办件材料齐全", "the case is complete")
    _tell_checklist(play, case)
    return case


def reuse(play: Play, enterprise: Enterprise, applicant: Applicant) -> Case:
    """Act e, second half: another department needs the same document and does not ask for it."""
    system = play.system(cast.HEALTH_SYSTEM)
    before = {document.id for document in applicant.documents()}
    item = _item(play, cast.HEALTH.code)
    case = system.open_case(item, f"YC-{play.mark}-2", enterprise.holder, cast.HEALTH_CLERK)
    expect(
        case.get_line(PLAN).state == "needs-authorization",
        "平面图先前已提交，授权后即可复用",
        "the floor plan was given before; it needs only the authorization",
    )
    play.tell.told(
        f"{cast.HEALTH.name_zh}受理“{case.item_name.zh}”", f"second case: “{case.item_name.en}”"
    )
    wanted = [
        Request(line.material) for line in case.materials if line.state == "needs-authorization"
    ]
    for asked in system.request_authorizations(case.id, wanted):
        granted = applicant.grant(asked.id)
        play.tell.quote(f"{granted.sentence.zh}\n{granted.sentence.en}")
    counter = Counter(system, cast.HEALTH_CLERK, item, system.case(case.id))
    _tell_checklist(play, counter.case)
    expect(counter.case.get_line(PLAN).state == "reusable", "平面图可复用", "the plan is reusable")
    for line in counter.case.materials:
        case = _satisfy(counter, enterprise, line)
    expect(
        case.complete and {document.id for document in applicant.documents()} == before,
        "第二个办件齐全，未重复上传",
        "the second case is complete and nothing was uploaded twice",
    )
    content = system.read_document(case.id, PLAN)
    expect(content.startswith(b"%PDF"), "第二部门可读到该文件", "the second department can read it")
    play.tell.done(
        "第二个办件材料齐全，没有重复上传",
        "the second case is complete; nothing was uploaded twice",
    )
    return case


def _satisfy(counter: Counter, enterprise: Enterprise, line: ChecklistLine) -> Case:
    if line.document is not None and line.authorization is not None:
        return counter.system.attach_document(
            counter.case.id, line.material, line.document, line.authorization
        )
    result = counter.system.look_up(counter.lookup(enterprise, line))
    return counter.system.attach_certificate(counter.case.id, line.material, result.lookup)


def tell_savings(play: Play, cases: Sequence[Case]) -> tuple[int, int]:
    """Submissions made and saved in these cases; the hub's own count is held against it."""
    how = [line.how for case in cases for line in case.materials]
    made = how.count("upload")
    saved = how.count("certificate") + how.count("shared")
    totals = [play.system(each).savings() for each in (cast.CENTRE_SYSTEM, cast.HEALTH_SYSTEM)]
    total = sum(each.saved for each in totals)
    expect(
        len(how) == made + saved and total >= saved,
        "每份材料都有来源",
        "every material has a source",
    )
    play.tell.done(
        f"两个办件共需 {len(how)} 份材料：申请人只提交 {made} 份，免交 {saved} 份"
        f"（历次累计免交 {total} 份）",
        f"two cases needed {len(how)} materials: {made} submitted, {saved} submissions saved "
        f"({total} in all runs so far)",
    )
    return made, saved


def _item(play: Play, department: str) -> str:
    """The item of a department that needs the floor plan and the licence."""
    for item in play.system(cast.CENTRE_SYSTEM).items():
        materials = {material["code"] for material in item["materials"]}
        if item["department"] == department and {LICENCE, PLAN} <= materials:
            return str(item["code"])
    raise KeyError(department)


def _tell_checklist(play: Play, case: Case) -> None:
    play.tell.table(
        [("材料", "material"), ("状态", "state"), ("来源", "how")],
        [
            (
                f"{line.name.zh} {line.name.en}",
                _STATES[line.state],
                _HOW.get(line.how or "", "—"),
            )
            for line in case.materials
        ],
    )
