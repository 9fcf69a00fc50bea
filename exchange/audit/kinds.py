"""The kinds of audit records: their names in 中文 and English, and what each must carry.

Pure. `docs/audit-events.md` documents every kind and field; a test holds the two together.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of record; `required` are the fields it is refused without."""

    zh: str
    en: str
    required: tuple[str, ...] = ()


_ASKED = ("department", "outcome")
_CERTIFICATE = ("department", "type", "certificates", "outcome")
_AUTHORIZATION = ("department", "authorization", "outcome")
_KEY = ("key", "outcome")
_CASE = ("department", "case", "item", "outcome")

KINDS: Final[Mapping[str, Kind]] = {
    "lookup": Kind("证照查验", "certificate looked up", (*_ASKED, "type", "basis", "request")),
    "refusal": Kind("拒绝请求", "request refused", ("outcome", "reason")),
    "ask": Kind("向部门发起查询", "department asked", (*_ASKED, "source", "request")),
    "answer": Kind("部门答复", "department answered", (*_ASKED, "source")),
    "issue": Kind(
        "证照签发", "batch of certificates issued", (*_ASKED, "type", "count", "result", "batch")
    ),
    "revise": Kind("证照变更", "certificate revised", _CERTIFICATE),
    "suspend": Kind("证照暂扣", "certificate suspended", (*_CERTIFICATE, "reason")),
    "restore": Kind("暂扣发还", "certificate restored", _CERTIFICATE),
    "revoke": Kind("证照撤销", "certificate revoked", (*_CERTIFICATE, "reason")),
    "certificate-bound": Kind(
        "绑定持有人密钥", "certificate bound to its holder's key", (*_CERTIFICATE, "key", "result")
    ),
    "presentation-made": Kind(
        "生成用证码", "one-time code made", ("authorization", "certificates", "fields", "outcome")
    ),
    "presentation-withdrawn": Kind(
        "撤回用证码", "one-time code withdrawn", ("authorization", "outcome")
    ),
    "transfer": Kind("证照转出", "certificate transferred out", (*_CERTIFICATE, "reason")),
    "plan-withdrawn": Kind("撤回预定操作", "planned act called off", (*_CERTIFICATE, "reason")),
    "verification": Kind("证照核验", "certificate file verified", ("outcome",)),
    "file-made": Kind(
        "证照文件制作", "certificate's file drawn and sealed", ("certificates", "result", "outcome")
    ),
    "file-read": Kind(
        "证照文件领取", "certificate's file or picture handed out", ("certificates", "outcome")
    ),
    "copy-made": Kind(
        "加注件制作",
        "annotated copy made and handed out",
        (*_ASKED, "certificates", "lookup", "result"),
    ),
    "copy-read": Kind(
        "加注件再取", "annotated copy handed out again", (*_ASKED, "certificates", "result")
    ),
    "pull-requested": Kind("请求归集登记簿", "register pull requested", (*_ASKED, "source")),
    "pull": Kind("登记簿归集", "register pulled", (*_ASKED, "source", "count")),
    "quarantine-resolved": Kind("隔离数据处理", "quarantined row resolved", (*_ASKED, "source")),
    "item-published": Kind("事项发布", "service item published", (*_ASKED, "item")),
    "type-published": Kind(
        "证照类型发布", "certificate type published", ("type", "revision", "result", "outcome")
    ),
    "policy-published": Kind("策略发布", "policy set published", ("policy", "outcome")),
    "department-registered": Kind("部门登记", "department registered", _ASKED),
    "system-registered": Kind("系统登记", "system registered", (*_ASKED, "system")),
    "system-changed": Kind("系统变更", "system's keys or scopes changed", (*_ASKED, "system")),
    "case-opened": Kind("办件受理", "case opened", _CASE),
    "case-material": Kind("办件材料", "material put to a case", (*_CASE, "material")),
    "case-complete": Kind("办件材料齐全", "every material of a case given", _CASE),
    "case-closed": Kind("办件办结", "case closed", _CASE),
    "material-uploaded": Kind("材料上传", "material uploaded", ("material", "outcome")),
    "material-reused": Kind("材料复用", "material reused", (*_ASKED, "material")),
    "material-read": Kind("材料查阅", "material's content read", (*_ASKED, "material")),
    "authorization-requested": Kind("请求授权", "authorization requested", _AUTHORIZATION),
    "authorization-granted": Kind("同意授权", "authorization granted", _AUTHORIZATION),
    "authorization-refused": Kind("拒绝授权", "authorization refused", _AUTHORIZATION),
    "authorization-withdrawn": Kind("撤回授权", "authorization withdrawn", _AUTHORIZATION),
    "key-registered": Kind("登记签名密钥", "signing key registered", _KEY),
    "key-activated": Kind("启用签名密钥", "signing key taken into use", _KEY),
    "key-retired": Kind("停用签名密钥", "signing key retired", _KEY),
    "key-compromised": Kind("宣告密钥泄露", "signing key declared compromised", _KEY),
    "key-cut-off": Kind("取消密钥信任", "signing key cut off", _KEY),
    "key-certified": Kind("签发密钥证书", "signing key certified by the root", _KEY),
    "root-registered": Kind("登记根证书", "root certificate registered", _KEY),
    "crl-published": Kind("发布吊销列表", "revocation list published", ("count", "outcome")),
    "sign-in": Kind("申请人登录", "applicant signed in", ("outcome",)),
    "checkpoint-refused": Kind(
        "拒绝联署检查点", "another log's checkpoint refused", ("source", "reason", "outcome")
    ),
    "token-issued": Kind("签发访问令牌", "access token issued", (*_ASKED, "system")),
    "token-refused": Kind("拒发访问令牌", "access token refused", ("outcome", "reason")),
    "store-check": Kind("核对对象存储", "object store checked", ("act", "outcome")),
    "bulk-file": Kind("提交批量文件", "file for bulk work handed over", (*_ASKED, "result")),
    "bulk-requested": Kind("发起批量任务", "bulk job requested", (*_ASKED, "act", "batch")),
    "bulk-chunk": Kind(
        "批量任务分块", "chunk of a bulk job done", (*_ASKED, "act", "batch", "count", "result")
    ),
    "bulk-ended": Kind("批量任务结束", "bulk job ended", (*_ASKED, "act", "batch", "count")),
    "bulk-read": Kind("下载导出文件", "file of an export read", (*_ASKED, "batch", "result")),
    "imported-read": Kind("查找导入证照", "imported certificates searched", (*_ASKED, "holder")),
    "foreign-issuer": Kind(
        "外部签发机构", "issuer elsewhere trusted or no more", ("act", "source", "outcome")
    ),
    "audit-read": Kind("查阅审计", "audit log read", ("outcome",)),
}

OUTCOMES: Final[Mapping[str, tuple[str, str]]] = {
    "released": ("已提供", "released"),
    "not-found": ("未查到", "not found"),
    "refused": ("已拒绝", "refused"),
    "pending": ("待完成", "pending"),
    "done": ("已完成", "done"),
    "failed": ("失败", "failed"),
}

BASES: Final[Mapping[str, tuple[str, str]]] = {
    "holder": ("持证人用证", "the holder presents"),
    "entrusted": ("委托授权", "entrusted by authorization"),
    "statutory": ("依职能查验", "statutory duty"),
}
