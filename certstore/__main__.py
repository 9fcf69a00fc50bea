"""`python -m certstore verify FILE --trust trust.json --status LIST…`: verify without a network.

FILE is an SD-JWT VC (also with a proof of possession), a sealed PDF, a PNG or JPEG with the
certificate's QR code in it, or what a QR code says, as text. Exit status: 0 every part is valid,
1 a part is invalid, 2 the input is unusable, 3 nothing is invalid but a part is unknown.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson

from certstore import export_command
from certstore.base64url import b64url_decode
from certstore.errors import CertstoreError, JwsError, ShownError, TrustError
from certstore.holder_match import holder_unjudged
from certstore.shown import Shown, read_shown, read_text
from certstore.strict_json import parse_json
from certstore.verdict import Part, Verdict
from certstore.verify import TrustAnchors, Verifier

_UNUSABLE = frozenset({"not-an-sd-jwt", "oversized", "not-a-pdf", "too-large"})
_MOST_BYTES = 20 * 1024 * 1024
_ONLY_AN_IDENTIFIER = Part(
    "unknown",
    "identifier-proves-nothing",
    "标识本身不能证明什么；请核验文件，或向枢纽查询",
    "an identifier proves nothing by itself: verify the file, or ask the hub",
)
_WRONG_IDENTIFIER = Part(
    "invalid",
    "check-digit",
    "电子证照标识的校验位不符",
    "the check character of the identifier does not agree with its parts",
)
_A_CODE = Part(
    "unknown",
    "one-time-code",
    "这是用证码，只能由窗口系统向枢纽核用",
    "this is a one-time code: only a counter can redeem it at the hub",
)


@dataclass(frozen=True, slots=True)
class Result:
    """What came of it: the parts, as JSON and as lines for people."""

    parts: Mapping[str, Part]
    told: Mapping[str, Any]
    lines: Sequence[str]

    def exit_status(self) -> int:
        """0 valid, 1 invalid, 2 unusable, 3 unknown."""
        if "integrity" in self.parts and self.parts["integrity"].code in _UNUSABLE:
            return 2
        outcomes = {part.outcome for part in self.parts.values()}
        if "invalid" in outcomes:
            return 1
        return 3 if "unknown" in outcomes else 0


def main(arguments: Sequence[str] | None = None) -> int:
    options = _options(arguments)
    try:
        if options.verb == export_command.VERB:
            return export_command.run(options, datetime.now(UTC))
        evidence = _Evidence(options)
        result = _verified(_shown(_read(options.file)), evidence)
    except CertstoreError as error:
        print(f"无法使用输入 · unusable input: {error.zh} · {error.en}", file=sys.stderr)
        return 2
    if options.json:
        print(orjson.dumps(result.told, option=orjson.OPT_INDENT_2).decode())
    else:
        print("\n".join(result.lines))
    return result.exit_status()


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m certstore", description="电子证照离线核验 · verify certificates offline"
    )
    verbs = parser.add_subparsers(dest="verb", required=True)
    verify = verbs.add_parser("verify", help="核验一份证照 · verify one certificate")
    verify.add_argument(
        "file",
        type=Path,
        metavar="FILE",
        help="SD-JWT证照、PDF、带二维码的图片或二维码内容 · the certificate, in any form",
    )
    verify.add_argument(
        "--trust", type=Path, required=True, help="可信名单 · the trust document (JSON)"
    )
    verify.add_argument(
        "--root", type=Path, help="根证书，固定信任 · the root certificate to trust (PEM)"
    )
    verify.add_argument(
        "--status", type=Path, nargs="*", default=[], help="状态列表 · status list tokens"
    )
    verify.add_argument(
        "--at", type=_moment, help="核验时刻，缺省为现在 · the moment, now if not given (ISO 8601)"
    )
    verify.add_argument("--audience", help="出示给谁 · who the certificate was shown to")
    verify.add_argument("--nonce", help="为此次出示所给的随机数 · the nonce given for it")
    verify.add_argument(
        "--max-age",
        type=int,
        default=300,
        metavar="SECONDS",
        help="持有证明最长时效，缺省300秒 · how old a proof of possession may be",
    )
    verify.add_argument("--json", action="store_true", help="输出JSON · print JSON")
    export_command.add_verb(verbs, _moment)
    options = parser.parse_args(arguments)
    if options.verb == "verify" and (options.audience is None) != (options.nonce is None):
        parser.error("--audience 与 --nonce 须同时给出 · give --audience and --nonce together")
    return options


def _moment(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise argparse.ArgumentTypeError("须注明时区 · a time zone is needed")
    return at.astimezone(UTC)


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
    except OSError:
        raise CertstoreError(
            "unreadable", f"文件无法读取：{path.name}", f"cannot be read: {path.name}"
        ) from None
    if len(content) > _MOST_BYTES:
        raise CertstoreError("too-large", f"文件过大：{path.name}", f"too large: {path.name}")
    return content


def _with_address(token: bytes) -> tuple[str, bytes]:
    """The token under the address it claims to be for; whether it is, verifying will tell."""
    stripped = token.strip()
    try:
        claims = parse_json(b64url_decode(stripped.split(b".")[1], field="status"), field="status")
        return str(claims["sub"]), stripped
    except (JwsError, IndexError, KeyError, TypeError):
        raise CertstoreError(
            "malformed", "不是状态列表令牌", "not a status list token", field="status"
        ) from None


class _Evidence:
    """What was given to verify with."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.at: datetime = options.at or datetime.now(UTC)
        self.audience: str | None = options.audience
        self.nonce: str | None = options.nonce
        self.max_age = timedelta(seconds=options.max_age)
        self.document = _read(options.trust)
        self.roots = _certificates(_read(options.root)) if options.root else []
        trust = TrustAnchors.from_json(self.document, roots=self.roots or None)
        self.verifier = Verifier(trust, dict(_with_address(_read(path)) for path in options.status))

    def judge(self, credential: str | bytes) -> Verdict:
        """The verdict on a credential, also on who shows it where that can be told."""
        if self.audience is not None and self.nonce is not None:
            return self.verifier.verify_presentation(
                credential,
                audience=self.audience,
                nonce=self.nonce,
                at=self.at,
                max_age=self.max_age,
            )
        verdict = self.verifier.verify(credential, at=self.at)
        if verdict.integrity.outcome != "valid":
            return verdict
        return verdict._replace(holder_match=holder_unjudged(credential))


def _certificates(pem: bytes) -> list[Any]:
    from cryptography import x509

    try:
        return x509.load_pem_x509_certificates(pem)
    except ValueError:
        raise TrustError(
            "root", "根证书不是PEM格式", "the root certificate is not PEM", field="root"
        ) from None


def _shown(data: bytes) -> Shown:
    """What the file is; an unknown text is taken for a credential, whose verdict says what ails."""
    try:
        shown = read_shown(data)
    except ShownError:
        return Shown("credential", data=data.strip())
    if shown.kind == "picture":
        from certstore.pictures import read_qr_code

        return read_text(read_qr_code(shown.data))
    return shown


def _verified(shown: Shown, evidence: _Evidence) -> Result:
    from certstore.telling import lines_of_parts, lines_of_verdict

    if shown.kind == "pdf":
        return _verified_pdf(shown.data, evidence)
    if shown.kind == "credential":
        verdict = evidence.judge(shown.data or shown.text)
        told = {"kind": "credential", **verdict.as_dict()}
        return Result(verdict.parts, told, lines_of_verdict(verdict, verdict.parts))
    if shown.kind == "one-time-code":
        parts = {"integrity": _A_CODE}
        named: str | None = None
    else:
        parts = {"integrity": _ONLY_AN_IDENTIFIER if shown.sound else _WRONG_IDENTIFIER}
        named = shown.text
    told = {
        "kind": shown.kind,
        "identifier": named,
        "identifier_sound": shown.sound if named else None,
        **{name: part.as_dict() for name, part in parts.items()},
    }
    return Result(parts, told, [f"证照 certificate: {named or '—'}", "", *lines_of_parts(parts)])


def _verified_pdf(data: bytes, evidence: _Evidence) -> Result:
    from certstore.documents.check import check_pdf
    from certstore.file_verdict import identifier_in, parts_of_file
    from certstore.telling import lines_of_parts, lines_of_seal, lines_of_verdict, plain

    check = check_pdf(data, evidence.roots, at=evidence.at, crl=_crl(evidence.document))
    holds = check.integrity.outcome == "valid" and check.credential is not None
    verdict = evidence.judge(check.credential or "") if holds else None
    parts = parts_of_file(check, verdict, at=evidence.at)
    if verdict is not None:
        lines = lines_of_verdict(verdict, parts)
    else:
        identifier = plain(identifier_in(check) or "—")
        lines = [f"证照 certificate: {identifier}", "", *lines_of_parts(parts)]
    seal = check.as_dict()
    told = {
        "kind": "pdf",
        **{name: part.as_dict() for name, part in parts.items()},
        "identifier": (None if verdict is None else verdict.identifier) or identifier_in(check),
        "seal": {name: value for name, value in seal.items() if name != "credential"},
        "certificate": None if verdict is None else verdict.as_dict(),
    }
    return Result(parts, told, [*lines, *lines_of_seal(check)])


def _crl(document: bytes) -> Any:
    """The revocation list that the trust document carries; whose it is, checking will tell."""
    from certstore.certified_keys import read_crl

    return read_crl(parse_json(document, field="trust").get("root"))


if __name__ == "__main__":
    sys.exit(main())
