"""The page on which clips are labelled: served beside the recordings, or as one file that holds their sound."""

import base64
import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Any

from emoclr.configs.console import say, track
from emoclr.configs.errors import EmoclrError
from emoclr.configs.files import write_atomically
from emoclr.configs.messages import by_reason, count_of, gigabytes, readable
from emoclr.corpus.audio.decoder import AudioError
from emoclr.corpus.labels.annotation.answers import Answers
from emoclr.corpus.labels.annotation.sounds import MAX_HEARD_S, Sounds
from emoclr.evaluate.figures.theme import theme_css

FOLDER = Path(__file__).parent
POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; connect-src 'self'; "
    "media-src blob:; img-src data:; base-uri 'none'; form-action 'none'"
)
LARGE_PAGE_BYTES = 100_000_000
"""Browsers of phones give up on pages far beyond this."""

_KEYS = "123456789abcdefghijklmnopqrstuvwy"
"""Keys of emotions, in their order: 0, x and z mean something else."""


def served_page(answers: Answers) -> bytes:
    """Returns the page that asks a `LabelServer` for sounds and gives it the answers."""
    return "".join(_page(_task(answers, served=True), ())).encode()


def write_page(answers: Answers, out: Path) -> None:
    """Writes the page as one file: it holds the sounds, keeps answers in the browser and saves them by a download.

    Raises:
        EmoclrError: no clip can be heard, or the file cannot be written.
    """
    unread: list[tuple[str, str]] = []

    def sounds() -> Iterable[str]:
        with Sounds(answers.clips) as heard:
            for row in track(range(len(answers.clips)), "reading clips"):
                try:
                    coded = base64.b64encode(heard.mp3(row)).decode("ascii")
                    yield f'<script type="text/plain" id="sound-{row}">{coded}</script>\n'
                except AudioError as error:
                    unread.append((answers.name(row), error.reason))
                    reason = _script_json({"error": readable(error.reason)})
                    yield f'<script type="text/plain" id="sound-{row}">{reason}</script>\n'

    def write(temporary: Path) -> None:
        with temporary.open("w", encoding="utf-8") as file:
            _write_all(file, _page(_task(answers, served=False), sounds()))
        if len(unread) == len(answers.clips):
            raise EmoclrError(f"none of {count_of(len(unread), 'clip')} can be read:", *by_reason(unread))

    write_atomically(out, write)
    if unread:
        say(f"{len(unread):,} of {count_of(len(answers.clips), 'clip')} cannot be heard:")
        for line in by_reason(unread):
            say(line)
    if (size := out.stat().st_size) > LARGE_PAGE_BYTES:
        say(f"note: the page has {gigabytes(size)}, more than most phones open; give it fewer clips")


def _task(answers: Answers, served: bool) -> dict[str, Any]:
    """Returns what the script of the page has to know."""
    clips = answers.clips
    lines = [answers.csv_row(row) for row in range(len(clips))]
    ends = [None if end_s != end_s else end_s for end_s in clips.end_s.tolist()]
    task = {
        "served": served,
        "title": clips.source.name,
        "out": answers.out.name,
        "emotions": answers.emotions,
        "keys": _KEYS[: len(answers.emotions)],
        "names": [readable(path.name) for path in clips.paths],
        "starts": clips.start_s.tolist(),
        "ends": ends,
        "speakers": clips.speakers,
        "answers": answers.given,
        "longest": MAX_HEARD_S,
    }
    if not served:
        task |= {"header": answers.header, "others": answers.others}
        task |= {"before": [row[0] for row in lines], "after": [row[1] for row in lines]}
        content = json.dumps([answers.header, task["before"]])
        task["id"] = "emoclr-labels-" + hashlib.blake2b(content.encode(errors="replace"), digest_size=12).hexdigest()
    return task


def _page(task: dict[str, Any], sounds: Iterable[str]) -> Iterable[str]:
    """Yields the page piece by piece; its script makes elements of text alone, so that names are never markup."""
    yield '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
    yield f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n<link rel="icon" href="data:,">\n'
    yield f"<title>Labels</title>\n<style>\n{theme_css()}{_text('page.css')}</style>\n</head>\n"
    yield _text("page.html")
    yield f'<script type="application/json" id="task">{_script_json(task)}</script>\n'
    yield from sounds
    yield f"<script>\n{_text('player.js')}\n{_text('page.js')}</script>\n</body>\n</html>\n"


def _script_json(content: object) -> str:
    """Returns JSON that ends no script, whatever names it holds."""
    return json.dumps(content).replace("<", "\\u003c")


def _text(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")


def _write_all(file: IO[str], pieces: Iterable[str]) -> None:
    for piece in pieces:
        file.write(piece)
