"""Uploads: one whole PDF, PNG or JPEG of at most the limit, or nothing at all."""

from __future__ import annotations

import socket
import struct
import time
import zlib
from collections.abc import Iterator

import httpx
import pytest

from tests.cases.documents import jpeg, pdf, png
from tests.http.standing import UPLOAD_LIMIT, Standing, faulty, problem

BOUNDARY = "b0und4ry"
KIND = f"multipart/form-data; boundary={BOUNDARY}"


def place(once: Standing) -> str:
    return f"/v1/me/cases/{once.case}/materials/premises-floor-plan"


def part(content: bytes, name: str = "file", file_name: str = "plan.pdf") -> bytes:
    head = f'Content-Disposition: form-data; name="{name}"; filename="{file_name}"\r\n'
    return (
        f"--{BOUNDARY}\r\n{head}Content-Type: application/pdf\r\n\r\n".encode() + content + b"\r\n"
    )


END = f"--{BOUNDARY}--\r\n".encode()


def padded(size: int) -> bytes:
    """A PDF of exactly so many bytes."""
    return next(
        whole
        for spare in range(10)
        if len(whole := pdf("x" * (size - len(pdf("")) - spare))) == size
    )


class TestNothingIsKept:
    @pytest.fixture(autouse=True)
    def nothing_changes(self, once: Standing) -> Iterator[None]:
        before = once.kept()
        yield
        assert once.kept() == before

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            END,
            b"no multipart at all",
            part(pdf()),
            part(pdf())[:-40] + END,
            part(pdf()) + part(pdf("b")) + END,
            part(pdf()) + part(b"x", "other", "b.txt") + END,
            part(pdf()).replace(b'; filename="plan.pdf"', b"") + END,
            f"--{BOUNDARY}\r\n\r\nx\r\n".encode() + END,
            part(pdf()).replace(BOUNDARY.encode(), b"another") + b"--another--\r\n",
            b"\xff" * 3000,
        ],
        ids=[
            "empty", "no part", "text", "no end", "cut within", "two files", "a second part",
            "a field for a file", "no disposition", "another boundary", "bytes",
        ],
    )  # fmt: skip
    def test_anything_but_one_whole_file_is_refused(self, once: Standing, body: bytes) -> None:
        answer = once.holder.post(place(once), content=body, headers={"Content-Type": KIND})
        if answer.status_code != 415:  # "cut within" ends as a whole part of no whole document
            assert faulty(answer) == {"/file"}

    @pytest.mark.parametrize(
        ("kind", "status"),
        [
            ("application/pdf", 415),
            ("application/x-www-form-urlencoded", 415),
            ("", 415),
            ("multipart/form-data", 400),
            ("multipart/form-data; boundary=", 400),
            ("multipart/form-data; boundary=" + "x" * 5000, 400),
            ("multipart/mixed; boundary=x", 415),
        ],
    )
    def test_another_kind_of_body_is_refused(self, once: Standing, kind: str, status: int) -> None:
        headers = {"Content-Type": kind} if kind else {}
        body = part(pdf()) + END
        problem(once.holder.post(place(once), content=body, headers=headers), status)

    def test_json_is_refused(self, once: Standing) -> None:
        problem(once.holder.post(place(once), json={"file": "x"}), 415)

    @pytest.mark.parametrize(
        "content",
        [
            b"",
            b" ",
            b"<html><script>alert(1)</script></html>",
            b"%PDF-1.7\n",
            b"%PDF-1.7\n<html></html>",
            png()[:8],
            png()[:-4],
            png() + b"<script>",
            jpeg()[:-2],
            b"PK\x03\x04" + b"\0" * 100,
            b"MZ" + b"\0" * 100,
            b"GIF89a" + b"\0" * 100,
            b"\0" * 1000,
            b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
        ],
    )
    def test_what_is_no_whole_document_is_refused_whatever_it_is_called(
        self, once: Standing, content: bytes
    ) -> None:
        for name in ("plan.pdf", "plan.png", "plan.jpg"):
            answer = once.holder.post(
                place(once), files={"file": (name, content, "application/pdf")}
            )
            problem(answer, 415)

    @pytest.mark.parametrize("over", [1, 2, 5_000, 500_000])
    def test_a_file_over_the_limit_is_refused(self, once: Standing, over: int) -> None:
        content = padded(UPLOAD_LIMIT + over)
        assert len(content) == UPLOAD_LIMIT + over
        problem(once.holder.post(place(once), files={"file": ("plan.pdf", content)}), 413)

    def test_an_endless_file_is_refused_before_its_end(self, once: Standing) -> None:
        sent = 0

        def endless() -> Iterator[bytes]:
            nonlocal sent
            yield part(b"")[:-2] + pdf()
            while sent < 200 * UPLOAD_LIMIT:
                sent += 10_000
                yield b" " * 10_000

        try:
            answer = once.holder.post(
                place(once), content=endless(), headers={"Content-Type": KIND}
            )
        except httpx.WriteError:
            pass  # the server had answered and closed the connection already
        else:
            problem(answer, 413)
        assert sent < 200 * UPLOAD_LIMIT

    @pytest.mark.parametrize("length", ["-1", "x", "１２", "1e3"])
    def test_a_length_that_is_none_is_refused(self, once: Standing, length: str) -> None:
        head = (
            f"POST {place(once)} HTTP/1.1\r\nHost: hub\r\nContent-Type: {KIND}\r\n"
            f"Authorization: {once.holder.headers['authorization']}\r\n"
            f"Content-Length: {length}\r\nConnection: close\r\n\r\n"
        )
        with line_to(once) as line:
            line.sendall(head.encode())
            assert b" 400 " in line.recv(100)

    @pytest.mark.parametrize("kept", [0, 1, 60, 150, -12])
    def test_a_line_that_breaks_in_the_middle_leaves_nothing(
        self, once: Standing, kept: int
    ) -> None:
        body = part(padded(UPLOAD_LIMIT)) + END
        head = (
            f"POST {place(once)} HTTP/1.1\r\nHost: hub\r\nContent-Type: {KIND}\r\n"
            f"Authorization: {once.holder.headers['authorization']}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        with line_to(once) as line:
            # Closing with linger 0 resets the connection, as a cable pulled out does.
            line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            line.sendall(head.encode() + body[:kept])
        assert once.visitor.get("/healthz").status_code == 200

    @pytest.mark.parametrize(
        ("material", "status"),
        [("business-licence", 400), ("no-such-material", 404), ("x" * 5000, 404), ("材料", 404)],
    )
    def test_a_material_that_takes_no_document_keeps_none(
        self, once: Standing, material: str, status: int
    ) -> None:
        path = f"/v1/me/cases/{once.case}/materials/{material}"
        problem(once.holder.post(path, files={"file": ("a.pdf", pdf("new"))}), status)

    def test_strangers_leave_nothing(self, once: Standing) -> None:
        files = {"file": ("plan.pdf", pdf("of a stranger"))}
        problem(once.visitor.post(place(once), files=files), 401)
        problem(once.other_holder.post(place(once), files=files), 404)


def line_to(once: Standing) -> socket.socket:
    host, port = once.served.url.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), timeout=10)


def test_departments_do_not_come_through_the_applicants_door(once: Standing) -> None:
    before = once.kept()
    answer = once.centre.post(place(once), files={"file": ("plan.pdf", pdf("x"))})
    assert problem(answer, 403)["record"] is not None
    after = once.kept()
    assert after.pop("audit_records") == before.pop("audit_records") + 1
    changed = {name for name in after if after[name] != before[name]}
    assert changed <= {"audit_tiles", "audit_head"}


@pytest.mark.parametrize("content", [padded(UPLOAD_LIMIT), png(), jpeg()])
def test_a_whole_document_is_taken(once: Standing, content: bytes) -> None:
    answer = once.holder.post(place(once), files={"file": ("whatever.txt", content)})
    assert answer.status_code == 201, answer.text
    assert answer.json()["document"]["size"] == len(content)
    got = once.centre.get(f"/v1/cases/{once.case}/materials/premises-floor-plan/content")
    assert got.content == content
    assert got.headers["content-type"] == answer.json()["document"]["media_type"]


def test_a_pdf_that_would_unpack_to_very_much_is_kept_packed(once: Standing) -> None:
    bomb = zlib.compress(b"\0" * 10_000_000, 9)
    stream = b"4 0 obj<</Length %d/Filter/FlateDecode>>stream\n" % len(bomb) + bomb
    whole = pdf().replace(b"xref\n", stream + b"\nendstream endobj\nxref\n", 1)
    started = time.perf_counter()
    answer = once.holder.post(place(once), files={"file": ("bomb.pdf", whole)})
    assert answer.status_code == 201
    assert answer.json()["document"]["size"] == len(whole)
    assert time.perf_counter() - started < 2


@pytest.mark.parametrize(
    "name",
    ["../../etc/passwd", "..\\..\\win.ini", "a\r\nX-Injected: 1.pdf", "gnp\u202efdp.exe", "\0.pdf",
     "a;b\"c'.pdf", "CON", "平面图.pdf", "x" * 3000, "", ".", "\ufeff\u200b"],
)  # fmt: skip
def test_a_files_name_is_made_harmless(once: Standing, name: str) -> None:
    answer = once.holder.post(place(once), files={"file": (name, pdf(str(len(name))))})
    if not name:  # a part without a file name is a field, no file
        assert faulty(answer) == {"/file"}
        return
    kept = answer.json()["document"]["file_name"]
    assert kept.endswith(".pdf") and len(kept) <= 104
    assert not set(kept) & set('/\\\r\n\0\u202e\u200b\ufeff"')
    got = once.centre.get(f"/v1/cases/{once.case}/materials/premises-floor-plan/content")
    assert got.status_code == 200
    assert "x-injected" not in got.headers
    assert got.headers["content-disposition"].startswith("attachment; filename*=UTF-8''")
    assert got.headers["x-content-type-options"] == "nosniff"
