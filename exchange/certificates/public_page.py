"""The page that a certificate's QR code leads to: plain HTML, no script, nothing from elsewhere."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from html import escape
from typing import Final

from certstore.certificate_type import Title
from certstore.status import State
from exchange.certificates.public import PublicStanding

_STYLE: Final = """
:root{color-scheme:light;--ink:#1c2430;--soft:#5a6572;--line:#d9dee4;--good:#0b6b3a;--bad:#a3201d;
--wait:#8a5a00}
*{box-sizing:border-box}
body{margin:0;background:#f4f6f8;color:var(--ink);line-height:1.5;
font:16px/1.5 "Noto Sans CJK SC","PingFang SC","Microsoft YaHei",system-ui,sans-serif}
main{max-width:42rem;margin:0 auto;padding:1.25rem 1rem 2rem}
h1{font-size:1.05rem;font-weight:600;margin:.25rem 0 1rem}
h2{font-size:1rem;margin:1.75rem 0 .5rem}
.told{background:#fff;border:1px solid var(--line);border-left:.4rem solid var(--wait);
border-radius:.4rem;padding:1rem 1.1rem}
.told p{margin:.25rem 0 0}
.told strong{display:block;font-size:1.5rem;line-height:1.3}
.good{border-left-color:var(--good)}.good strong{color:var(--good)}
.bad{border-left-color:var(--bad)}.bad strong{color:var(--bad)}
.wait strong{color:var(--wait)}
dl{margin:1rem 0 0;background:#fff;border:1px solid var(--line);border-radius:.4rem}
dl div{padding:.65rem 1.1rem;border-top:1px solid var(--line)}
dl div:first-child{border-top:0}
dt{color:var(--soft);font-size:.875rem}
dd{margin:.1rem 0 0;overflow-wrap:anywhere}
[lang=en]{color:var(--soft);font-size:.9375rem}
strong+[lang=en]{font-size:1.0625rem}
code{font-family:ui-monospace,Consolas,monospace;font-size:.875rem;overflow-wrap:anywhere}
pre{background:#fff;border:1px solid var(--line);border-radius:.4rem;padding:.75rem;margin:.5rem 0;
white-space:pre-wrap;overflow-wrap:anywhere}
footer{margin-top:1.75rem;color:var(--soft);font-size:.875rem}
@media print{body{background:#fff}main{padding:0;max-width:none}.told,dl,pre{break-inside:avoid}}
"""
_CIVIL: Final = timedelta(hours=8)

HEADERS: Final[Mapping[str, str]] = {
    "Cache-Control": "no-store",
    "Content-Language": "zh-CN, en",
    "Content-Security-Policy": (
        "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
        f"style-src 'sha256-{b64encode(sha256(_STYLE.encode()).digest()).decode()}'"
    ),
    "Referrer-Policy": "no-referrer",
    "Vary": "Accept",
    "X-Content-Type-Options": "nosniff",
}

_WORDS: Final[Mapping[State, tuple[str, str, str]]] = {
    State.VALID: ("good", "有效", "In force"),
    State.SUSPENDED: ("wait", "暂扣中,现不得使用", "Suspended: it may not be used now"),
    State.WITHDRAWN: ("bad", "已被撤销,不再有效", "Withdrawn: no longer in force"),
    State.CANCELLED: ("bad", "已注销,不再有效", "Cancelled: no longer in force"),
    State.EXPIRED: ("bad", "已失效", "No longer in force"),
    State.TRANSFERRED: ("bad", "已办理转出,由接收机构另行颁证", "Transferred to another body"),
    State.REVOKED: ("bad", "已被吊销,不再有效", "Revoked: no longer in force"),
    State.OTHER: ("wait", "状态请询颁发机构", "Ask its issuer about its state"),
}


def page_of(standing: PublicStanding, public_url: str) -> str:
    """The page about a certificate. Nothing in it names the holder."""
    look, zh, en = headline(standing)
    why = [
        (part.zh, part.en)
        for part in (standing.integrity, standing.issuer_part, standing.validity)
        if part.outcome != "valid"
    ]
    told = "".join(f'<p>{escape(a)}<br><span lang="en">{escape(b)}</span></p>' for a, b in why)
    body = (
        f'<section class="told {look}"><strong>{escape(zh)}</strong>'
        f'<span lang="en">{escape(en)}</span>{told}</section>'
        f"<dl>{''.join(_row(*each) for each in _facts(standing))}</dl>{_how_to_check(public_url)}"
    )
    return _page("证照核验 · Certificate verification", body, public_url, standing.at)


def page_of_problem(title: Title, told: Title, public_url: str, at: datetime) -> str:
    """The page where there is nothing to tell: no such certificate, or too many were asked for."""
    body = (
        f'<section class="told bad"><strong>{escape(title.zh)}</strong>'
        f'<span lang="en">{escape(title.en)}</span>'
        f'<p>{escape(told.zh)}<br><span lang="en">{escape(told.en)}</span></p></section>'
        f"{_how_to_check(public_url)}"
    )
    return _page("证照核验 · Certificate verification", body, public_url, at)


def headline(standing: PublicStanding) -> tuple[str, str, str]:
    """How it looks (good, wait, bad), and the state in plain words, 中文 and English."""
    if standing.superseded_by is not None:
        number = standing.superseded_by
        return (
            "bad",
            f"此版本已被第 {number} 版取代,不再有效",
            f"Replaced by version {number}: this version is no longer in force",
        )
    if standing.begins_at is not None:
        return "wait", "尚未生效", "Not in force yet"
    if standing.state is State.VALID and not standing.usable:
        return "wait", "登记为有效,但下列事项不能确认", "On record as in force, but see below"
    return _WORDS[standing.state]


def _facts(standing: PublicStanding) -> Iterable[tuple[str, str, str, str]]:
    yield "证照类型", "Type", standing.title.zh, standing.title.en
    yield "颁发机构", "Issued by", standing.issuer_name.zh, standing.issuer_name.en
    yield "颁发机构代码", "Issuer's code", standing.issuer, ""
    yield "证照标识", "Number", standing.identifier, ""
    yield "校验码", "Check character", "正确", "sound"
    yield "版本", "Version", f"第 {standing.version} 版", ""
    state = standing.state
    if standing.begins_at is not None:
        yield "生效时间", "In force from", _moment(standing.begins_at), ""
    else:
        yield "状态", "State", f"{state.zh}({state.code})", state.en
    if standing.since is not None:
        yield "该状态自", "Since", _moment(standing.since), ""
    end = standing.valid_until
    without = ("长期", "without end")
    yield ("有效期至", "Valid until", *((_day(end), "") if end is not None else without))
    if standing.superseded_by is None:
        yield "是否已被取代", "Replaced", "否", "no"
    else:
        number = standing.superseded_by
        yield "是否已被取代", "Replaced", f"是,现行为第 {number} 版", f"yes, by version {number}"


def _row(zh: str, en: str, value: str, value_en: str) -> str:
    other = f'<br><span lang="en">{escape(value_en)}</span>' if value_en else ""
    term = f'{escape(zh)} <span lang="en">{escape(en)}</span>'
    return f"<div><dt>{term}</dt><dd>{escape(value)}{other}</dd></div>"


def _how_to_check(public_url: str) -> str:
    address = escape(f"{public_url.rstrip('/')}/v1/verifications/files")
    return (
        "<h2>如何核验证照文件 · How to check the file itself</h2>"
        "<p>本页只说明该编号的证照现状,不证明您手中的文件未被改动。请将证照的 PDF、SD-JWT "
        "或含二维码的图片提交核验,不需登录:<br>"
        '<span lang="en">This page tells how the certificate of that number stands; it does not '
        "prove that the file in your hands is unaltered. Send the PDF, the SD-JWT or a picture of "
        "its QR code to be verified; no account is needed:</span></p>"
        f"<pre><code>curl -F file=@certificate.pdf {address}</code></pre>"
        '<p>也可离线核验 <span lang="en">or offline</span>:'
        "<code>python -m certstore verify FILE --trust trust.json</code></p>"
    )


def _page(title: str, body: str, public_url: str, at: datetime) -> str:
    return (
        '<!doctype html>\n<html lang="zh-CN"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="robots" content="noindex, nofollow">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body><main>"
        f"<h1>{escape(title)}</h1>{body}"
        f'<footer><p>查询时间 <span lang="en">Asked at</span> {_moment(at)}<br>'
        f"请确认浏览器地址栏显示的网址属于 <code>{escape(public_url)}</code><br>"
        '<span lang="en">See that the address bar shows this hub\'s own address. '
        "No data of the holder is shown here.</span></p></footer></main></body></html>\n"
    )


def _moment(at: datetime) -> str:
    civil = at.astimezone(UTC) + _CIVIL
    return f"{civil:%Y-%m-%d %H:%M}(UTC+8)"


def _day(day: date) -> str:
    return day.isoformat()
