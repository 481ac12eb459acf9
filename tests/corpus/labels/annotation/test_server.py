import http.client
import io
import json
import threading
from collections.abc import Iterator
from http.client import HTTPConnection
from typing import NamedTuple

import numpy as np
import pytest
import soundfile as sf

from emoclr.configs.errors import ConfigError
from emoclr.corpus.audio.decoder import read_waveform
from emoclr.corpus.labels.annotation.answers import Answers, read_clips_to_label
from emoclr.corpus.labels.annotation.server import LabelServer
from emoclr.corpus.labels.annotation.sounds import Sounds
from emoclr.corpus.labels.labels_csv import read_labels


class Reply(NamedTuple):
    status: int
    body: bytes
    headers: http.client.HTTPMessage


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("label")
    tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(32_000) / 16_000)
    sf.write(folder / "a.wav", tone, 16_000)
    (folder / "broken.wav").write_text("no sound")
    (folder / "secret.wav").write_bytes((folder / "a.wav").read_bytes())
    (folder / "picked.csv").write_text("path,start_s,end_s\na.wav,0.5,1.25\nbroken.wav,,\na.wav,,\n")
    return folder


@pytest.fixture(scope="module")
def server(folder) -> Iterator[LabelServer]:
    clips = read_clips_to_label(folder / "picked.csv")
    answers = Answers(clips, folder / "labels.csv", ["<b>joy</b>", "fear"])
    with Sounds(clips) as sounds, LabelServer(answers, sounds) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def ask(server: LabelServer, path: str, body: object = None, key: str | None = None, **headers: str) -> Reply:
    connection = HTTPConnection("127.0.0.1", server.server_port, timeout=30)
    content = None if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    place = f"/{server.key if key is None else key}/{path}"
    connection.request("GET" if content is None else "POST", place, content, headers)
    reply = connection.getresponse()
    found = Reply(reply.status, reply.read(), reply.headers)
    connection.close()
    return found


def answer(server: LabelServer, row: object, given: object, since: object = 0) -> Reply:
    return ask(server, "answer", {"row": row, "answer": given, "since": since})


def test_it_listens_on_this_machine_alone(server):
    assert server.server_address[0] == "127.0.0.1"
    assert server.url == f"http://127.0.0.1:{server.server_port}/{server.key}/"


def test_a_clip_sounds_as_the_network_hears_it(server, folder):
    reply = ask(server, "sound/0")
    assert (reply.status, reply.headers["Content-Type"]) == (200, "audio/wav")
    heard, rate = sf.read(io.BytesIO(reply.body), dtype="float32")
    assert rate == 16_000
    np.testing.assert_array_equal(heard, read_waveform(folder / "a.wav", 0.5, 1.25))


def test_a_recording_that_cannot_be_read_says_why(server):
    reply = ask(server, "sound/1")
    assert reply.status == 422
    assert "cannot be read as audio" in json.loads(reply.body)["error"]


@pytest.mark.parametrize(
    "path",
    [
        *("sound/3", "sound/-1", "sound/²", "sound/", "sound/0/0", "sound/99999999999999999999", "x", "/"),
        *("sound/secret.wav", "sound/../secret.wav", "secret.wav", "../secret.wav", "sound/%2e%2e%2fsecret.wav"),
        "labels.csv",
    ],
)
def test_nothing_but_the_clips_of_the_table_is_served(server, path):
    assert ask(server, path.replace("²", "%C2%B2")).status == 404


@pytest.mark.parametrize("key", ["", "x", "..", "answers"])
def test_who_does_not_know_the_address_gets_nothing(server, key):
    assert ask(server, "", key=key).status == 404
    assert ask(server, "sound/0", key=key).status == 404
    assert ask(server, "answer", {"row": 0, "answer": [0], "since": 0}, key=key).status == 404


@pytest.mark.parametrize("host", ["example.org", "example.org:80", "127.0.0.1.example.org", ""])
def test_a_page_that_calls_itself_this_machine_gets_nothing(server, host):
    assert ask(server, "", Host=host).status == 404


def test_the_page_loads_nothing_from_elsewhere(server):
    reply = ask(server, "", Host=f"localhost:{server.server_port}")
    assert reply.status == 200
    assert "default-src 'none'" in reply.headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in reply.headers["Content-Security-Policy"]
    assert b"<b>joy" not in reply.body and b"http" not in reply.body.replace(b"http-equiv", b"")


def test_answers_of_several_tabs_come_together(server, folder):
    first = json.loads(answer(server, 0, [1]).body)
    before = first["version"]
    second = json.loads(answer(server, 2, "?", since=before).body)
    assert second == {"version": before + 1, "changes": {"2": "?"}}
    news = json.loads(ask(server, f"answers?since={before}").body)
    assert news == second
    assert read_labels(folder / "labels.csv").targets.tolist() == [[0, 1]]
    answer(server, 2, None)
    assert not (folder / "labels.cannot-tell.csv").exists()


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{", b"null", {"row": 0}, {"row": "0", "answer": [0], "since": 0}]
    + [{"row": 0, "answer": given, "since": 0} for given in ("joy", 1, [True], [0.5], ["0"], [2], {}, True)]
    + [{"row": row, "answer": [0], "since": 0} for row in (3, -1, 1.0, True)]
    + [{"row": 0, "answer": [0], "since": -1}],
)
def test_what_is_no_answer_is_refused(server, body):
    given = list(server.answers.given)
    assert ask(server, "answer", body).status == 400
    assert server.answers.given == given


def test_a_request_without_end_is_refused(server):
    assert ask(server, "answer", b"x", **{"Content-Length": "1000000000"}).status == 400


def test_many_answers_at_once_are_all_kept(server, folder):
    threads = [threading.Thread(target=answer, args=(server, row, [row // 2])) for row in (0, 2) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert read_labels(folder / "labels.csv").targets.tolist() == [[1, 0], [0, 1]]


def test_a_port_that_is_taken_is_an_error(server):
    for port in (server.server_port, 70_000):
        with pytest.raises(ConfigError, match=f"--port {port}"):
            LabelServer(server.answers, server.sounds, port)
