"""Whatever is sent, the answer says what is wrong, nothing of it stays, and the next recording is heard."""

import contextlib
import socket
import threading
from collections.abc import Iterator

import pytest

from emoclr.predict.serve.limits import Limits

from .conftest import Serve, Served, form, wav

MAX_BYTES = 400_000


@pytest.fixture(scope="module")
def strict(serve: Serve) -> Iterator[Served]:
    with serve(Limits(max_bytes=MAX_BYTES, max_s=20.0, queue=2, kept_s=3.0, silent_s=0.3)) as running:
        yield running


@pytest.fixture(autouse=True)
def goes_on(request: pytest.FixtureRequest) -> Iterator[None]:
    """After each test nothing is kept, and a good recording is answered."""
    yield
    if "strict" in request.fixturenames:
        running: Served = request.getfixturevalue("strict")
        running.wait_until(lambda: running.get("/health").json["under_way"] == 0)
        assert running.kept() == []
        assert running.send(wav(seconds=1.0)).status == 200


@pytest.mark.parametrize(
    "content",
    [b"", b"no sound", b"\0" * 50_000, b"RIFF\xff\xff\xff\xffWAVE", b"#EXTM3U\nfile:///etc/hosts\n", b"PK\x03\x04"],
)
def test_what_is_no_recording(strict: Served, content: bytes) -> None:
    refused = strict.send(content)
    assert refused.status == 422 and refused.error and str(strict.folder) not in refused.error


@pytest.mark.parametrize("kind", ["text/plain", "application/json", "multipart/form-data", ""])
def test_what_is_no_form(strict: Served, kind: str) -> None:
    refused = strict.ask("POST", "/predict", wav(1.0), Content_Type=kind)
    assert refused.status == 415 and "multipart" in refused.error


def test_a_form_within_which_something_is_wrong(strict: Served) -> None:
    body, kind = form(wav(1.0))
    part, end = body[: body.rindex(b"\r\n--")], body[body.rindex(b"\r\n--") :]
    twice = part + b"\r\n" + part + end
    as_text = body.replace(b'; filename="a.wav"', b"")
    many = as_text[: as_text.index(b"RIFF")].replace(b'"file"', b'"field"') + b"\r\n"
    for wrong in (
        body[:-20],
        body.replace(b"Content", b"\0\0", 1),
        b"x" * 1000,
        b"",
        end,
        twice,
        as_text,
        many * 20 + body,
    ):
        refused = strict.ask("POST", "/predict", wrong, Content_Type=kind)
        assert refused.status == 400 and "-F file=" in refused.error


def test_a_truncated_recording_is_heard_as_far_as_it_goes(strict: Served, voice: bytes) -> None:
    answer = strict.send(voice[: len(voice) // 4]).json
    assert [remark["status"] for remark in answer["remarks"]] == ["partial"]


def test_more_bytes_than_are_taken_are_refused_by_what_is_said_and_by_what_comes(strict: Served) -> None:
    body, kind = form(b"\0" * MAX_BYTES * 2)
    told = strict.ask("POST", "/predict", body, Content_Type=kind)
    assert told.status == 413 and "0.4 MB" in told.error

    def chunks() -> Iterator[bytes]:
        for begin in range(0, len(body), 50_000):
            yield body[begin : begin + 50_000]

    untold = strict.ask("POST", "/predict", chunks(), Content_Type=kind)
    assert untold.status == 413 and "0.4 MB" in untold.error


def test_a_bomb_of_silence_is_refused_by_its_length(strict: Served) -> None:
    for seconds in (25.0, 3600.0):
        bomb = wav(seconds, "FLAC")
        assert len(bomb) < MAX_BYTES
        refused = strict.send(bomb, "bomb.flac")
        assert refused.status == 413 and "0:20.0" in refused.error


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("../../../etc/passwd", "passwd"),
        ("C:\\Windows\\system.ini", "system.ini"),
        ("..", "recording"),
        ("<script>alert(1)</script>.wav", "script>.wav"),
        ("a\x1b[31m\u202ered.wav", "a\\x1b[31m\\u202ered.wav"),
        ("n" * 5_00 + ".wav", "n" * 191 + "…nnnn.wav"),
    ],
)
def test_a_name_is_shown_and_never_a_path(strict: Served, sent: str, shown: str) -> None:
    assert [row["path"] for row in strict.send(wav(1.0), sent).json["rows"]] == [shown]


def test_a_sender_who_says_nothing_is_told_so(strict: Served) -> None:
    body, kind = form(wav(1.0))
    head = f"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
    for sent in (head.encode(), head.encode() + body[:100]):
        with connected(strict) as slow:
            slow.sendall(sent)
            assert b"408" in slow.recv(1 << 16)
    for silent in (b"", b"POST /predict HTTP/1.1\r\nHost:"):
        with connected(strict) as slow:
            slow.sendall(silent)
            assert slow.recv(1 << 16) == b""


def test_too_many_at_once_are_told_when_to_come_again(strict: Served) -> None:
    body, kind = form(wav(10.0))
    head = f"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
    with contextlib.ExitStack() as stack:
        waiting = [stack.enter_context(connected(strict)) for _ in range(3)]
        for each in waiting:
            each.sendall(head.encode() + body[:-1])
        strict.wait_until(lambda: strict.get("/health").json["under_way"] == 3)
        refused = strict.send(wav(1.0))
        assert refused.status == 503 and int(refused.headers["Retry-After"]) > 0
        for each in waiting:
            each.sendall(body[-1:])
        assert all(each.recv(12) == b"HTTP/1.1 200" for each in waiting)


def test_of_many_at_once_each_gets_an_answer(strict: Served) -> None:
    statuses: list[int] = []
    threads = [threading.Thread(target=lambda: statuses.append(strict.send(wav(1.0)).status)) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(statuses) == 20 and set(statuses) <= {200, 503} and 200 in statuses


def connected(served: Served) -> socket.socket:
    return socket.create_connection(("127.0.0.1", served.server.port), timeout=60)
