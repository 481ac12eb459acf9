"""Servers of the untrained ensemble of `workspace`, each with its temporary folder, and recordings for them."""

import contextlib
import io
import json
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from functools import partial
from http.client import HTTPConnection, HTTPMessage
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import soundfile as sf

import emoclr.corpus.decoded.decode_stream
from emoclr.corpus.demo.expression import express
from emoclr.corpus.demo.voice import draw_voice, speak
from emoclr.corpus.parallel.processes import stream_in_processes
from emoclr.finetune import load_ensemble
from emoclr.predict.serve.answer import Network
from emoclr.predict.serve.limits import Limits
from emoclr.predict.serve.server import PredictServer
from emoclr.predict.serve.temporary_folder import temporary_folder

PATIENCE_S = 60.0
RATE = 16_000
Serve = Callable[..., contextlib.AbstractContextManager["Served"]]


class Reply(NamedTuple):
    status: int
    body: bytes
    headers: HTTPMessage

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> str:
        return str(self.json["error"])


class Served(NamedTuple):
    """A server that runs, and the folder that it keeps things in."""

    server: PredictServer
    folder: Path

    def ask(self, method: str, path: str, body: bytes | Iterator[bytes] | None = None, **headers: str) -> Reply:
        connection = HTTPConnection("127.0.0.1", self.server.port, timeout=PATIENCE_S)
        with contextlib.closing(connection):
            connection.request(method, path, body, {name.replace("_", "-"): text for name, text in headers.items()})
            reply = connection.getresponse()
            return Reply(reply.status, reply.read(), reply.headers)

    def get(self, path: str, **headers: str) -> Reply:
        return self.ask("GET", path, **headers)

    def send(self, content: bytes, name: str = "a.wav", path: str = "/predict", **headers: str) -> Reply:
        body, kind = form(content, name)
        return self.ask("POST", path, body, **{"Content_Type": kind, **headers})

    def kept(self) -> list[Path]:
        """What lies in its folder, beside the lock."""
        return [path for path in self.folder.rglob("*") if path.name != ".lock"]

    def wait_until(self, what: Callable[[], bool]) -> None:
        given_up = time.monotonic() + PATIENCE_S
        while not what():
            assert time.monotonic() < given_up
            time.sleep(0.01)


def form(content: bytes, name: str = "a.wav", field: str = "file") -> tuple[bytes, str]:
    """Returns a form with one file, and its type."""
    boundary = uuid.uuid4().hex
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="{field}"; filename="{name}"\r\n\r\n'
    return head.encode() + content + f"\r\n--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}"


@pytest.fixture(scope="session")
def network(workspace: Path) -> Network:
    return Network(*load_ensemble(workspace / "checkpoints/my-emotions"), "my-emotions", "cpu")


@pytest.fixture(scope="module")
def serve(network: Network, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serve]:
    """Returns serve(limits, **how) -> a server that runs; recordings are decoded in this process."""
    here = partial(stream_in_processes, workers=1)

    @contextlib.contextmanager
    def run(limits: Limits | None = None, **how: Any) -> Iterator[Served]:
        with temporary_folder() as folder:
            server = PredictServer(network, limits or Limits(), folder, **how)
            thread = threading.Thread(target=server.run)
            thread.start()
            try:
                yield Served(server, folder)
            finally:
                server.stop()
                thread.join()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(emoclr.corpus.decoded.decode_stream, "stream_in_processes", here)
        patch.setattr(tempfile, "tempdir", str(tmp_path_factory.mktemp("temporary")))
        yield run


@pytest.fixture(scope="module")
def served(serve: Serve) -> Iterator[Served]:
    """A server on this machine alone, with the limits that it has by itself."""
    with serve() as running:
        yield running


@pytest.fixture(scope="session")
def voice() -> bytes:
    """A wav of 10 s in which a made voice speaks from 2 to 5 and from 7 to 10 s, louder on its first channel."""
    rng = np.random.default_rng(0)
    speaker = draw_voice("female", rng)
    said = speak(speaker, express("anger", speaker, rng), 3.0, rng)
    quiet = 1e-4 * rng.standard_normal(2 * RATE)
    mono = np.clip(np.concatenate([quiet, said, quiet, said]), -1, 1)
    file = io.BytesIO()
    sf.write(file, np.stack([mono, 0.5 * mono], axis=1), RATE, format="WAV")
    return file.getvalue()


def wav(seconds: float, container: str = "WAV") -> bytes:
    """Returns silence, which compresses to next to nothing."""
    file = io.BytesIO()
    with sf.SoundFile(file, "w", RATE, 1, format=container) as sound:
        for _ in range(round(seconds * 10)):
            sound.write(np.zeros(RATE // 10))
    return file.getvalue()
