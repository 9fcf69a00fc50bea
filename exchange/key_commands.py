"""``yici key``: keys from the command line. Imports happen inside commands."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from exchange.telling import fail, told

if TYPE_CHECKING:
    from cryptography import x509

    from exchange.keyring.certifying import Certifying
    from exchange.keyring.offline import OfflineRoot
    from exchange.keyring.records import SigningKey

app = typer.Typer(help="Signing keys and the root / 签名密钥与根证书", no_args_is_help=True)
offline = typer.Typer(help="The root on a machine of its own / 离线根", no_args_is_help=True)
app.add_typer(offline, name="offline")

Owner = Annotated[
    str, typer.Argument(help="a department's code, `answers` or `tokens`", metavar="OWNER")
]
# A kid is base64url and may begin with a hyphen, which is then no option.
HYPHEN = {"ignore_unknown_options": True}
Kid = Annotated[str, typer.Argument(help="the key's kid, or the beginning of it", metavar="KID")]
Reason = Annotated[str, typer.Option(help="why; stays in the registry")]
Pkcs11 = Annotated[bool, typer.Option("--pkcs11", help="in the hardware module, not in a file")]
Out = Annotated[Path, typer.Option(help="file to write")]
Embedded = Annotated[bool, typer.Option("--embedded", help="of the embedded installation")]
Var = Annotated[Path, typer.Option("--var", help="folder of the embedded installation")]
VAR = Path("var")
Folder = Annotated[Path, typer.Argument(help="folder of root.key and root.pem")]
Passphrase = Annotated[
    str,
    typer.Option(prompt=True, hide_input=True, envvar="YICI_ROOT_PASSPHRASE", show_envvar=False),
]


@app.command("list")
@told
def list_keys(embedded: Embedded = False, var: Var = VAR) -> None:
    """Every key, its state, its certificate; the root / 列出密钥."""
    from rich.console import Console
    from rich.table import Table

    from exchange.keyring.records import STATES

    with _root_at_work(embedded, var) as at_work:
        register = at_work.changes.keyring.current()
        table = Table(
            "属主 owner", "kid", "状态 state", "自 since", "证书至 certified", "位置 place"
        )
        for owner in register.owners():
            for key in register.of(owner):
                zh, en = STATES[key.state]
                certificate = key.certificate
                until = certificate.not_valid_after_utc.date() if certificate else "—"
                place = f"{key.place.kind}:{key.place.label}"
                table.add_row(
                    owner, key.kid[:12], f"{zh} {en}", _since(key), str(until),
                    place if key.registered else f"{place} (未登记 unregistered)",
                )  # fmt: skip
        console = Console()
        console.print(table)
        root = register.root
        if root is None:
            console.print("根证书 root: —")
            return
        next_at = root.crl.next_update_utc if root.crl else None
        console.print(
            f"根证书 root: {_fingerprint(root.certificate)} ({root.place.kind})；"
            f"吊销列表有效至 revocation list until {next_at.date() if next_at else '—'}"
        )


@app.command("make")
@told
def make(owner: Owner, pkcs11: Pkcs11 = False, embedded: Embedded = False, var: Var = VAR) -> None:
    """Make a key; it is published, and signs nothing yet / 生成密钥."""
    with _root_at_work(embedded, var) as at_work:
        key = at_work.make(owner, kind="pkcs11" if pkcs11 else "file")
        typer.echo(f"已生成 / made: {key.kid}")


@app.command("activate", context_settings=HYPHEN)
@told
def activate(kid: Kid, embedded: Embedded = False, var: Var = VAR) -> None:
    """Take a key into use; the one in use is retired / 启用密钥."""
    with _root_at_work(embedded, var) as at_work:
        typer.echo(f"已启用 / in use: {at_work.changes.activate(kid).kid}")


@app.command("rotate")
@told
def rotate(
    owner: Owner, pkcs11: Pkcs11 = False, embedded: Embedded = False, var: Var = VAR
) -> None:
    """Make a key, have the root certify it, take it into use / 轮换密钥."""
    with _root_at_work(embedded, var) as at_work:
        key = at_work.rotate(owner, kind="pkcs11" if pkcs11 else "file")
        certified = at_work.changes.keyring.current().keys[key.kid].certificate is not None
        typer.echo(f"已启用 / in use: {key.kid}")
        if not certified and owner not in ("answers", "tokens"):
            typer.echo(
                "尚无证书，请用 yici key request / "
                "not certified yet: the root lies elsewhere, see `yici key request`"
            )


@app.command("retire", context_settings=HYPHEN)
@told
def retire(kid: Kid, reason: Reason, embedded: Embedded = False, var: Var = VAR) -> None:
    """Have a key sign nothing any more; what it signed holds / 停用密钥."""
    with _root_at_work(embedded, var) as at_work:
        typer.echo(f"已停用 / retired: {at_work.changes.retire(kid, reason=reason).kid}")


@app.command("compromised", context_settings=HYPHEN)
@told
def compromised(
    kid: Kid,
    since: Annotated[str, typer.Option(help="ISO 8601 with a zone: since when it may be")],
    reason: Reason,
    embedded: Embedded = False,
    var: Var = VAR,
) -> None:
    """Declare a key to be in other hands since a moment / 宣告密钥泄露."""
    with _root_at_work(embedded, var) as at_work:
        key = at_work.compromised(kid, since=_moment(since), reason=reason)
        typer.echo(f"已宣告泄露 / declared compromised: {key.kid}")
        _next_steps(at_work)
        if at_work.changes.keyring.current().find_active(key.owner) is None:
            typer.echo(f"请立即轮换 / now rotate: yici key rotate {key.owner}")


@app.command("cut-off")
@told
def cut_off(
    department: Annotated[str, typer.Argument(help="unified social credit code")],
    reason: Reason,
    embedded: Embedded = False,
    var: Var = VAR,
) -> None:
    """Trust nothing any more that a department ever signed / 取消对部门的信任."""
    with _root_at_work(embedded, var) as at_work:
        keys = at_work.cut_off(department, reason=reason)
        typer.echo(f"已取消信任的密钥 / keys cut off: {len(keys)}")
        _next_steps(at_work)


@app.command("root")
@told
def root(
    name: Annotated[str | None, typer.Option(help="the name it bears, to make one here")] = None,
    pkcs11: Pkcs11 = False,
    certificate: Annotated[Path | None, typer.Option(help="or one from elsewhere (PEM)")] = None,
    crl: Annotated[Path | None, typer.Option(help="with its revocation list (PEM)")] = None,
    embedded: Embedded = False,
    var: Var = VAR,
) -> None:
    """Make a root here, or take one into use that lies elsewhere / 建立或登记根证书."""
    from certstore.certification import load_certificates

    if (name is None) == (certificate is None) or (certificate is None) != (crl is None):
        fail("须给出 --name，或 --certificate 和 --crl / give --name, or --certificate and --crl")
    with _root_at_work(embedded, var) as at_work:
        if certificate is not None and crl is not None:
            found = at_work.register_root(
                load_certificates(_read(certificate))[0], _read_crl(_read(crl))
            )
        else:
            found = at_work.make_root(name or "", kind="pkcs11" if pkcs11 else "file")
        typer.echo(f"根证书 / root: {_fingerprint(found.certificate)}")


@app.command("certify", context_settings=HYPHEN)
@told
def certify(
    kid: Annotated[str | None, typer.Argument(metavar="[KID]")] = None,
    embedded: Embedded = False,
    var: Var = VAR,
) -> None:
    """Have the root certify a key, or all that have no certificate / 签发密钥证书."""
    with _root_at_work(embedded, var) as at_work:
        if kid is not None:
            at_work.certify(kid)
            typer.echo("已签发证书 / certified: 1")
        else:
            at_work.changes.take_up()
            typer.echo(f"已签发证书 / certified: {len(at_work.certify_all())}")


@app.command("request", context_settings=HYPHEN)
@told
def request(kid: Kid, out: Out, embedded: Embedded = False, var: Var = VAR) -> None:
    """Write a request (PKCS #10) for a root that lies elsewhere / 导出证书申请文件."""
    from cryptography.hazmat.primitives.serialization import Encoding

    with _root_at_work(embedded, var) as at_work:
        out.write_bytes(at_work.request(kid).public_bytes(Encoding.PEM))
        typer.echo(f"已写入 / written: {out.name}")


@app.command("revocations")
@told
def revocations(out: Out, embedded: Embedded = False, var: Var = VAR) -> None:
    """Write what a root elsewhere has to put on its list / 导出待列入吊销列表的清单."""
    from exchange.keyring.certifying import next_number
    from exchange.keyring.certifying import revocations as to_name
    from exchange.keyring.offline import write_revocations

    with _root_at_work(embedded, var) as at_work:
        register = at_work.changes.keyring.current()
        out.write_bytes(write_revocations(next_number(register), to_name(register)))
        typer.echo(f"已写入 / written: {out.name}")


@app.command("install")
@told
def install(
    file: Annotated[Path, typer.Argument(help="a certificate or a revocation list (PEM)")],
    embedded: Embedded = False,
    var: Var = VAR,
) -> None:
    """Take in what a root elsewhere has signed / 收取离线根签发的证书或吊销列表."""
    from certstore.certification import load_certificates

    content = _read(file)
    with _root_at_work(embedded, var) as at_work:
        if b"X509 CRL" in content:
            at_work.install_crl(_read_crl(content))
            typer.echo("已发布吊销列表 / revocation list published")
        else:
            key = at_work.install(load_certificates(content)[0])
            typer.echo(f"已收取证书 / certificate kept for: {key.kid}")


@app.command("crl")
@told
def crl(embedded: Embedded = False, var: Var = VAR) -> None:
    """Sign the revocation list anew, before the last one runs out / 更新吊销列表."""
    with _root_at_work(embedded, var) as at_work:
        until = at_work.publish_crl().next_update_utc
        typer.echo(f"吊销列表有效至 / revocation list until: {until:%Y-%m-%d}")


@offline.command("root")
@told
def offline_root(
    folder: Folder,
    name: Annotated[str, typer.Option(help="the root's name")],
    passphrase: Passphrase,
) -> None:
    """Make a root, encrypted, with an empty revocation list / 生成离线根."""
    from cryptography.hazmat.primitives.serialization import Encoding

    from exchange.keyring.offline import write_revocations

    place = _offline(folder, passphrase)
    certificate = place.make(name, _now())
    first = place.list_revoked(write_revocations(1, ()), _now())
    (folder / "crl.pem").write_bytes(first.public_bytes(Encoding.PEM))
    typer.echo(f"根证书 / root: {_fingerprint(certificate)}")


@offline.command("certify")
@told
def offline_certify(
    folder: Folder,
    request: Annotated[Path, typer.Argument(help="the hub's request (PKCS #10, PEM)")],
    hub: Annotated[str, typer.Option(help="the hub's public address")],
    out: Out,
    passphrase: Passphrase,
) -> None:
    """Certify the key of a request / 为申请文件签发证书."""
    from cryptography.hazmat.primitives.serialization import Encoding

    certificate = _offline(folder, passphrase).certify(
        _read(request), crl_url=f"{hub.rstrip('/')}/v1/crl", now=_now()
    )
    out.write_bytes(certificate.public_bytes(Encoding.PEM))
    typer.echo(f"{certificate.subject.rfc4514_string()}\n已写入 / written: {out.name}")


@offline.command("crl")
@told
def offline_crl(
    folder: Folder,
    revocations: Annotated[Path, typer.Argument(help="from `yici key revocations`")],
    out: Out,
    passphrase: Passphrase,
) -> None:
    """Sign a revocation list / 签发吊销列表."""
    from cryptography.hazmat.primitives.serialization import Encoding

    signed = _offline(folder, passphrase).list_revoked(_read(revocations), _now())
    out.write_bytes(signed.public_bytes(Encoding.PEM))
    typer.echo(f"已写入 / written: {out.name}")


@contextmanager
def _root_at_work(embedded: bool, var: Path) -> Iterator[Certifying]:
    from exchange.demo.borrowing import embedded_environment
    from exchange.hub import build_from_environment
    from exchange.keyring.certifying import certifying

    with embedded_environment(var) if embedded else nullcontext():
        hub = build_from_environment()
        try:
            yield certifying(
                hub.work, hub.clock, hub.keys, hub.settings.public_url, by="command-line"
            )
        finally:
            hub.engine.dispose()


def _offline(folder: Path, passphrase: str) -> OfflineRoot:
    from exchange.keyring.offline import OfflineRoot

    return OfflineRoot(folder, passphrase.encode())


def _next_steps(at_work: Certifying) -> None:
    root = at_work.changes.keyring.current().root
    if root is not None and root.place.kind == "elsewhere":
        typer.echo(
            "请由离线根签发新的吊销列表 / have the root elsewhere sign a new list: "
            "yici key revocations, yici key offline crl, yici key install"
        )


def _now() -> datetime:
    from exchange.clock import SystemClock

    return SystemClock().now()


def _moment(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        fail("时间须为带时区的 ISO 8601 / the moment is ISO 8601 with a zone")
    return at.astimezone(UTC)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        fail(f"文件无法读取 / cannot be read: {path.name}")


def _read_crl(pem: bytes) -> x509.CertificateRevocationList:
    from cryptography import x509

    try:
        return x509.load_pem_x509_crl(pem)
    except ValueError:
        fail("不是PEM格式的吊销列表 / not a revocation list in PEM")


def _fingerprint(certificate: x509.Certificate) -> str:
    from cryptography.hazmat.primitives.hashes import SHA256

    return f"SHA-256 {certificate.fingerprint(SHA256()).hex(':')}"


def _since(key: SigningKey) -> str:
    at = key.cut_off_at or key.compromised_from or key.retired_at or key.made_at
    return f"{at:%Y-%m-%d %H:%M}" if at is not None else "—"
