"""Every code that the check of a PDF may give, with its words."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from certstore.verdict import Outcome, Part


def _parts(
    *listed: tuple[Outcome, str, str, str],
) -> Mapping[str, Part]:
    return MappingProxyType({code: Part(outcome, code, zh, en) for outcome, code, zh, en in listed})


REFUSALS: Final = _parts(
    ("invalid", "not-a-pdf", "不是PDF文件", "not a PDF"),
    ("invalid", "too-large", "文件超过大小上限", "larger than a file may be"),
    ("invalid", "truncated", "文件不完整，结尾被截断", "the file is cut off"),
    ("invalid", "malformed", "PDF结构有误", "the PDF is malformed"),
    (
        "invalid",
        "cyclic",
        "PDF的交叉引用表互相指向，没有尽头",
        "the cross-reference tables point at each other without end",
    ),
    ("invalid", "encrypted", "文件已加密", "the file is encrypted"),
    ("invalid", "too-many-pages", "页数超过上限", "more pages than a certificate may have"),
    (
        "invalid",
        "too-many-attachments",
        "附件数量超过上限",
        "more attachments than a certificate may have",
    ),
    (
        "invalid",
        "unpacks-too-large",
        "内容解压后超过大小上限",
        "something in the file unpacks to more than it may",
    ),
    ("invalid", "several-credentials", "附有多份证照数据", "several credentials are attached"),
    ("invalid", "not-sealed", "文件没有电子签章", "the file has no seal"),
    ("invalid", "several-seals", "文件有多个电子签章", "the file has several seals"),
    (
        "invalid",
        "not-whole-file",
        "签章未覆盖整个文件",
        "the seal does not cover the whole file",
    ),
    (
        "invalid",
        "changed-after-seal",
        "加盖签章后又追加了内容",
        "something was added after the file was sealed",
    ),
    (
        "invalid",
        "altered",
        "签章与内容不符：内容被改动，或签章取自其他文件",
        "the seal is not of this content: it was altered, or the seal is another file's",
    ),
    ("invalid", "seal-broken", "签章的签名无效", "the signature of the seal does not hold"),
    (
        "unknown",
        "time-limit",
        "检查所需时间超过上限，未能判断",
        "not judged: checking takes more time than is allowed",
    ),
    (
        "unknown",
        "memory-limit",
        "检查所需内存超过上限，未能判断",
        "not judged: checking takes more memory than is allowed",
    ),
)
"""Why a file's integrity is not valid, by code."""

PARTS: Final = _parts(
    (
        "valid",
        "seal-holds",
        "签章有效，覆盖整个文件，未被改动",
        "the seal holds, covers the whole file, and nothing was altered",
    ),
    ("valid", "seal-trusted", "签章证书由可信根证书签发", "the seal leads to a trusted root"),
    ("unknown", "no-roots", "没有可信的根证书", "no trusted root is at hand"),
    (
        "invalid",
        "seal-not-trusted",
        "签章证书不能追溯到可信的根证书",
        "the seal's certificate leads to no trusted root",
    ),
    (
        "invalid",
        "seal-certificate-not-yet",
        "加盖签章时证书尚未生效",
        "the certificate was not valid yet when the file was sealed",
    ),
    (
        "invalid",
        "seal-certificate-expired",
        "加盖签章时证书已过期",
        "the certificate had expired when the file was sealed",
    ),
    ("invalid", "seal-revoked", "签章证书已被吊销", "the seal's certificate was revoked"),
    (
        "unknown",
        "seal-revoked-since",
        "签章证书后来被吊销，签章时间又没有时间戳证明",
        "the certificate was revoked later, and no time-stamp proves when the file was sealed",
    ),
    (
        "unknown",
        "revocation-unknown",
        "吊销列表不可用或已过期",
        "the revocation list cannot be used or is out of date",
    ),
    (
        "valid",
        "time-stamped",
        "签章时间由可信时间戳证明",
        "a trusted time-stamp proves when it was sealed",
    ),
    (
        "unknown",
        "time-stamp-untrusted",
        "附有时间戳，但不能追溯到可信的时间戳服务",
        "there is a time-stamp, but it leads to no trusted service",
    ),
    (
        "unknown",
        "time-claimed",
        "签章时间由签章者自行声明",
        "when it was sealed is the signer's own statement",
    ),
    ("invalid", "sealed-in-future", "签章时间在将来", "sealed in the future"),
    (
        "unknown",
        "not-evaluated",
        "因签章未通过检查而未判断",
        "not judged, because the seal did not hold or was not checked",
    ),
)
"""The codes of all other parts."""
