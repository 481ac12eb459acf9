"""`predict -`: the rows of a recording on standard input, as its windows end."""

import contextlib
import io
import os
import pty
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import soundfile as sf

import emoclr.corpus.decoded.decode_stream
from emoclr.corpus.audio.formats.pipe import Pipe, RawPcm
from emoclr.corpus.parallel.processes import stream_in_processes
from emoclr.finetune import load_ensemble
from emoclr.predict.cli import main
from emoclr.predict.live import predict_live

RATE = 16_000
WINDOW, HOP = 8_000, 4_000
PACKET = 1_024
"""Samples that FFmpeg reads at once."""
PATIENCE_S = 60.0


class Answer(NamedTuple):
    code: int
    rows: str
    told: str


@pytest.fixture(scope="module")
def emotions(workspace: Path) -> Path:
    return workspace / "checkpoints/my-emotions"


@pytest.fixture(scope="module")
def noise() -> np.ndarray:
    """2.1 s of two channels that are not the same."""
    return np.clip(0.1 * np.random.default_rng(0).normal(size=(round(2.1 * RATE), 2)), -1, 1)


@pytest.fixture
def stdin(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[int], None]]:
    """Returns stdin(number), which makes an open file standard input."""
    opened = []

    def become(number: int) -> None:
        opened.append(os.fdopen(number))
        monkeypatch.setattr("sys.stdin", opened[-1])

    yield become
    for file in opened:
        file.close()


@pytest.fixture
def ask(emotions: Path, stdin: Callable[[int], None]) -> Callable[..., Answer]:
    """Returns ask(content, *words) -> what `predict -` answers to bytes that come through a pipe."""

    def run(content: bytes, *words: str) -> Answer:
        end, begin = os.pipe()

        def feed() -> None:
            with contextlib.suppress(BrokenPipeError), os.fdopen(begin, "wb") as file:
                file.write(content)

        threading.Thread(target=feed, daemon=True).start()
        stdin(end)
        with (
            contextlib.redirect_stdout(io.StringIO()) as rows,
            contextlib.redirect_stderr(io.StringIO()) as told,
        ):
            try:
                code = main(["--from", str(emotions), "--gate", "none", "-", *words])
            except SystemExit as ended:  # of the parser
                code = int(ended.code or 0)
        return Answer(code, rows.getvalue(), told.getvalue())

    return run


@pytest.fixture
def of_file(emotions: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[bytes, str], str]:
    """Returns of_file(content, name) -> the rows that `predict --timeline` gives for a file."""
    here = partial(stream_in_processes, workers=1)
    monkeypatch.setattr(emoclr.corpus.decoded.decode_stream, "stream_in_processes", here)

    def run(content: bytes, name: str) -> str:
        (tmp_path / name).write_bytes(content)
        with contextlib.redirect_stderr(io.StringIO()):
            words = [str(tmp_path / name), "--timeline", "--out", str(tmp_path / "rows.csv")]
            assert main(["--from", str(emotions), "--gate", "none", *words]) == 0
        return (tmp_path / "rows.csv").read_text().replace(str(tmp_path / name), "stdin")

    return run


@pytest.fixture
def told(capsys: pytest.CaptureFixture[str]) -> Callable[[], str]:
    """Returns told() -> what went to standard error."""
    return lambda: capsys.readouterr().err


def encoded(samples: np.ndarray, **form: Any) -> bytes:
    file = io.BytesIO()
    sf.write(file, samples, RATE, **form)
    return file.getvalue()


@pytest.mark.parametrize(
    ("ending", "form"),
    [
        ("wav", {"format": "WAV"}),
        ("flac", {"format": "FLAC"}),
        ("mp3", {"format": "MP3"}),
        ("ogg", {"format": "OGG"}),
    ],
)
def test_rows_are_those_of_the_same_file(
    ask: Callable[..., Answer],
    of_file: Callable[[bytes, str], str],
    noise: np.ndarray,
    ending: str,
    form: dict[str, str],
) -> None:
    content = encoded(noise[:, 0], **form)
    answer = ask(content)
    found, expected = answer.rows.splitlines(), of_file(content, f"same.{ending}").splitlines()
    if ending == "mp3":  # the padding of whose encoder FFmpeg cuts off only where it can go back
        assert float(found.pop().split(",")[2]) == pytest.approx(float(expected.pop().split(",")[2]), abs=0.05)
    assert answer.code == 0 and found == expected and len(found) >= 8


def test_raw_samples_are_those_of_a_wav(
    ask: Callable[..., Answer], of_file: Callable[[bytes, str], str], noise: np.ndarray
) -> None:
    content = encoded(noise, format="WAV", subtype="PCM_16")
    found = ask(content[44:], "--rate", "16000", "--channels", "2")
    assert found.code == 0 and found.rows == of_file(content, "two.wav") and "mean of 2 channels" in found.told
    other_rate = ask(content[44:] + b"\0", "--rate", "32000")
    assert other_rate.code == 0 and other_rate.rows.splitlines()[-1].split(",")[2] == "2.100"


def test_rows_come_while_the_recording_goes_on(emotions: Path, noise: np.ndarray) -> None:
    """Each time that samples have come and no more are there yet, what they complete is answered."""
    end, begin = os.pipe()
    samples = (noise[:, 0] * 32_767).astype("<i2").tobytes()
    batches = predict_live(*load_ensemble(emotions), Pipe(os.fdopen(end, "rb"), RawPcm(RATE)), "cpu", gate=False)
    ends_s: list[float] = []
    answered = threading.Semaphore(0)
    missed = []

    def feed() -> None:
        with os.fdopen(begin, "wb", buffering=0) as file:
            given = 0
            for window in range(3):
                upto = 2 * (WINDOW + window * HOP + PACKET)
                file.write(samples[given:upto])
                given = upto
                if not answered.acquire(timeout=PATIENCE_S):
                    missed.append(window)
                    return

    threading.Thread(target=feed, daemon=True).start()
    for batch in batches:
        for row in batch.rows:
            ends_s.append(row.end_s)
            answered.release()
    assert missed == [] and ends_s[:3] == [0.5, 0.75, 1.0]


@pytest.mark.parametrize(
    ("content", "words", "code", "named"),
    [
        (b"", (), 1, "empty"),
        (b"no recording at all, but a text of some length " * 20, (), 1, "stdin: cannot be read as audio"),
        (b"\0\0\0\x18ftypM4A \0\0\0\0M4A mp42isom\0\0\0\x08free" + bytes(2_000), (), 1, "moov"),
        (b"", ("--rate", "16000"), 1, "stdin: "),
        (bytes(4), ("--rate", "999"), 1, "999 Hz"),
        (bytes(4), ("--rate", "0"), 2, "--rate"),
        (bytes(4), ("--channels", "2"), 2, "--rate"),
        (bytes(4), ("other.wav",), 2, "standard input"),
        (bytes(4), ("--out", "rows.csv"), 2, "> rows.csv"),
        (bytes(4), ("--speaker", "folder"), 2, "--speaker"),
    ],
)
def test_what_is_no_recording_is_a_message(
    ask: Callable[..., Answer], content: bytes, words: tuple[str, ...], code: int, named: str
) -> None:
    answer = ask(content, *words)
    assert answer.code == code and named in answer.told and "Traceback" not in answer.told
    assert len(answer.rows.splitlines()) <= 1


def test_what_is_cut_has_the_rows_of_what_came(ask: Callable[..., Answer], noise: np.ndarray) -> None:
    whole = {form: encoded(noise[:, 0], format=form) for form in ("WAV", "FLAC", "MP3", "OGG")}
    for form, content in whole.items():
        answer = ask(content[: len(content) * 6 // 10])
        ends_s = [float(line.split(",")[2]) for line in answer.rows.splitlines()[1:]]
        assert answer.code == 0 and ends_s and 0.5 <= ends_s[-1] < 1.6, form
        assert "Traceback" not in answer.told


def test_a_recording_shorter_than_a_window_has_a_row(ask: Callable[..., Answer]) -> None:
    answer = ask(bytes(2 * 1_600), "--rate", "16000", "--format", "jsonl")
    assert answer.code == 0 and '"end_s": 0.1' in answer.rows and len(answer.rows.splitlines()) == 1
    assert "silent" in answer.told


def test_a_terminal_is_refused(
    emotions: Path, stdin: Callable[[int], None], capsys: pytest.CaptureFixture[str]
) -> None:
    _, terminal = pty.openpty()
    stdin(terminal)
    assert main(["--from", str(emotions), "-"]) == 2
    assert "terminal" in capsys.readouterr().err


def test_options_of_standard_input_are_refused_with_files(emotions: Path, told: Callable[[], str]) -> None:
    for option in ("--rate", "--channels"):
        assert main(["--from", str(emotions), "a.wav", option, "1"]) == 2
        assert option in told()
