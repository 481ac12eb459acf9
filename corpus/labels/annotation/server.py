"""A page on this machine alone: it plays the clips of a table, and takes what is heard in them."""

import hmac
import json
import secrets
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import cast
from urllib.parse import parse_qs, urlsplit

from emoclr.configs.errors import ConfigError, EmoclrError
from emoclr.configs.files import parse_json
from emoclr.configs.messages import readable, why_refused
from emoclr.corpus.audio.decoder import AudioError
from emoclr.corpus.labels.annotation.answers import CANNOT_TELL, Answer, Answers
from emoclr.corpus.labels.annotation.page import POLICY, served_page
from emoclr.corpus.labels.annotation.sounds import Sounds

HOST = "127.0.0.1"
_NAMES = (HOST, "localhost")
_MAX_REQUEST_BYTES = 1 << 16
_KEY_BYTES = 16


class LabelServer(ThreadingHTTPServer):
    """Serves the page, the clips by their number, and the answers; `serve_forever` runs it.

    Only programs of this machine reach it, and of those only who knows the address: a word in it is drawn anew each
    time, so that neither other users nor other pages of the browser hear or label anything.

    Args:
        answers: of the clips.
        sounds: of the same clips.
        port: 0 for one that is free.

    Attributes:
        url: the address of the page.

    Raises:
        ConfigError: the port is taken, or not to be had.
    """

    daemon_threads = True

    def __init__(self, answers: Answers, sounds: Sounds, port: int = 0) -> None:
        self.answers, self.sounds = answers, sounds
        self.key = secrets.token_urlsafe(_KEY_BYTES)
        self.page = served_page(answers)
        try:
            super().__init__((HOST, port), _Handler)
        except (OSError, OverflowError) as error:
            reason = why_refused(error) if isinstance(error, OSError) else "ports go up to 65535"
            raise ConfigError(f"--port {port}: {reason}; 0 takes one that is free") from error
        self.url = f"http://{HOST}:{self.server_port}/{self.key}/"


class _Handler(BaseHTTPRequestHandler):
    """Answers requests; whatever is not asked for exactly as the page asks for it does not exist."""

    protocol_version = "HTTP/1.1"
    timeout = 60
    server_version, sys_version = "emoclr", ""

    @property
    def _owner(self) -> LabelServer:
        return cast(LabelServer, self.server)

    def do_GET(self) -> None:
        """Sends the page, a sound, or the answers that are new."""
        match self._place():
            case [""]:
                self._send(HTTPStatus.OK, self._owner.page, "text/html; charset=utf-8")
            case ["sound", number] if (row := self._row(number)) is not None:
                self._send_sound(row)
            case ["answers"]:
                since = parse_qs(urlsplit(self.path).query).get("since", ["0"])[0]
                self._send_answers(int(since) if since.isdecimal() else 0)
            case _:
                self._refuse(HTTPStatus.NOT_FOUND)

    def do_POST(self) -> None:
        """Takes an answer, and sends the answers that are new."""
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > _MAX_REQUEST_BYTES:
            self.close_connection = True
            self._refuse(HTTPStatus.BAD_REQUEST)
            return
        content = self.rfile.read(int(length))
        if self._place() != ["answer"]:
            self._refuse(HTTPStatus.NOT_FOUND)
            return
        try:
            row, answer, since = _read_answer(content)
            self._owner.answers.give(row, answer)
        except (ValueError, TypeError, KeyError):
            self._refuse(HTTPStatus.BAD_REQUEST)
        except EmoclrError as error:
            self._send_json(HTTPStatus.INTERNAL_SERVER_ERROR, {"error": readable(str(error))})
        else:
            self._send_answers(since)

    def log_message(self, format: str, *words: object) -> None:
        """Says nothing of each request."""

    def _place(self) -> list[str] | None:
        """Returns what is asked for, below the secret word; None for those who do not know it, or come elsewhere."""
        host = urlsplit(f"//{self.headers.get('Host', '')}").hostname
        first, *rest = urlsplit(self.path).path.removeprefix("/").split("/")
        known = hmac.compare_digest(first.encode(), self._owner.key.encode())
        return rest if known and host in _NAMES else None

    def _row(self, number: str) -> int | None:
        row = int(number) if number.isascii() and number.isdecimal() and len(number) < 10 else -1
        return row if row in range(len(self._owner.answers.clips)) else None

    def _send_sound(self, row: int) -> None:
        try:
            self._send(HTTPStatus.OK, self._owner.sounds.wav(row), "audio/wav")
        except (AudioError, EmoclrError) as error:
            reason = error.reason if isinstance(error, AudioError) else str(error)
            self._send_json(HTTPStatus.UNPROCESSABLE_ENTITY, {"error": readable(reason)})

    def _send_answers(self, since: int) -> None:
        version, changes = self._owner.answers.changed(since)
        self._send_json(HTTPStatus.OK, {"version": version, "changes": changes})

    def _send_json(self, status: HTTPStatus, content: object) -> None:
        self._send(status, json.dumps(content).encode(), "application/json")

    def _refuse(self, status: HTTPStatus) -> None:
        self._send(status, status.phrase.encode(), "text/plain; charset=utf-8")

    def _send(self, status: HTTPStatus, content: bytes, kind: str) -> None:
        self.send_response(status)
        headers = {
            "Content-Type": kind,
            "Content-Length": str(len(content)),
            "Cache-Control": "no-store",
            "Content-Security-Policy": f"{POLICY}; frame-ancestors 'none'",
            "Referrer-Policy": "no-referrer",
            "X-Content-Type-Options": "nosniff",
        }
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        try:
            self.wfile.write(content)
        except (BrokenPipeError, ConnectionResetError):  # the page went on to another clip
            self.close_connection = True


def _read_answer(content: bytes) -> tuple[int, Answer, int]:
    """Returns the clip's number, the answer, and how many answers the page knows.

    Raises:
        ValueError: it is none.
    """
    asked = parse_json(content)
    row, answer, since = asked["row"], asked["answer"], asked["since"]
    heard = isinstance(answer, list) and all(type(place) is int for place in answer)
    if type(row) is not int or type(since) is not int or since < 0 or not (heard or answer in (CANNOT_TELL, None)):
        raise ValueError("no answer")
    return row, answer, since
