"""Nothing is kept: what is sent lies in the temporary folder until the answer is there, and no longer."""

import contextlib
import socket
import tempfile
import threading
from pathlib import Path

import pytest

import emoclr.predict.serve.app
from emoclr.predict.serve.answer import Answer, answer_of
from emoclr.predict.serve.limits import Limits
from emoclr.predict.serve.temporary_folder import temporary_folder

from .conftest import Serve, Served, form


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> tuple[threading.Event, threading.Event]:
    """Two events: the work has begun; it may go on."""
    begun, go_on = threading.Event(), threading.Event()

    def slowly(*work: object) -> Answer:
        begun.set()
        assert go_on.wait(60)
        return answer_of(*work)  # type: ignore[arg-type]

    monkeypatch.setattr(emoclr.predict.serve.app, "answer_of", slowly)
    return begun, go_on


def test_an_upload_goes_with_its_answer(served: Served, voice: bytes, held: tuple[threading.Event, ...]) -> None:
    begun, go_on = held
    statuses: list[int] = []
    sender = threading.Thread(target=lambda: statuses.append(served.send(voice, "secret.wav").status))
    sender.start()
    assert begun.wait(60)
    kept = [path for path in served.kept() if path.is_file()]
    assert [path.read_bytes() for path in kept] == [voice] and "secret" not in str(kept)
    assert served.folder.stat().st_mode & 0o077 == 0
    go_on.set()
    sender.join()
    assert statuses == [200] and served.kept() == []


def test_an_upload_goes_where_its_sender_is_gone(
    served: Served, voice: bytes, held: tuple[threading.Event, ...]
) -> None:
    begun, go_on = held
    body, kind = form(voice)
    head = f"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
    with contextlib.closing(socket.create_connection(("127.0.0.1", served.server.port))) as sender:
        sender.sendall(head.encode() + body)
        assert begun.wait(60)
    go_on.set()
    served.wait_until(lambda: served.kept() == [] and served.get("/health").json["under_way"] == 0)


def test_an_upload_that_does_not_end_goes_after_a_while(serve: Serve, voice: bytes) -> None:
    body, kind = form(voice)
    head = f"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
    with serve(Limits(kept_s=1.0, silent_s=60.0)) as running:
        sender = socket.create_connection(("127.0.0.1", running.server.port), timeout=60)
        with contextlib.closing(sender):
            sender.sendall(head.encode() + body[:-100])
            running.wait_until(lambda: running.kept() != [])
            assert b"408" in sender.recv(1 << 16)
            assert running.kept() == []


def test_nothing_is_left_of_a_server_that_ends(serve: Serve, voice: bytes) -> None:
    with serve() as running:
        assert running.send(voice).status == 200
        folder = running.folder
    assert not folder.exists()


def test_what_a_server_left_that_was_killed_goes_and_one_that_runs_keeps_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    left_over = tmp_path / "emoclr-serve-killed"
    (left_over / "request").mkdir(parents=True)
    (left_over / "request/upload.wav").write_bytes(b"a voice")
    (left_over / ".lock").touch()
    of_others = tmp_path / "emoclr-serve-of-something-else"
    of_others.mkdir()
    with temporary_folder() as first:
        assert not left_over.exists() and of_others.exists()
        with temporary_folder() as second:
            assert first.exists() and second.exists()
    assert [*tmp_path.iterdir()] == [of_others]


def test_no_request_is_logged(served: Served, voice: bytes, capfd: pytest.CaptureFixture[str]) -> None:
    served.send(voice, "a name of somebody.wav")
    served.send(b"", "a name of somebody.wav")
    assert capfd.readouterr() == ("", "")
