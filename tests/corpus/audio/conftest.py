"""Recordings with marks at known times, in every container and codec of formats.csv."""

import csv
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import av
import numpy as np
import pytest
import soundfile as sf

from emoclr.corpus.audio.decoder import SAMPLE_RATE, Recording

SECONDS = 5.0
MARKS_S = (0.5, 1.7, 3.1, 4.6)


class Format(NamedTuple):
    """What is written, by which library, and how exactly it comes back.

    Attributes:
        name: of a file; its ending is what people call the container.
        writer: libsndfile or FFmpeg.
        container: as the writer calls it; codec likewise.
        rate: Hz.
        bit_rate: bit/s; 0 for the codec's own choice.
        sound: the codec as docs/data.md calls it.
        reader: the library that decodes it.
        excess_samples: by how many samples, of the codec's last frame and of what the encoder put first, it may be too
            long.
        late_ms: by how much marks may be late; negative where the beginning is lost.
    """

    name: str
    writer: str
    container: str
    codec: str
    rate: int
    bit_rate: int
    sound: str
    reader: str
    excess_samples: int
    late_ms: float


def _formats() -> Iterator[Format]:
    with Path(__file__).with_name("formats.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            numbers: dict[str, Any] = {key: int(row[key] or 0) for key in ("rate", "bit_rate", "excess_samples")}
            yield Format(**{**row, **numbers, "late_ms": float(row["late_ms"])})


FORMATS = list(_formats())


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that takes `form` runs for every row of formats.csv."""
    if "form" in metafunc.fixturenames:
        metafunc.parametrize("form", FORMATS, ids=lambda form: form.name)


@pytest.fixture(scope="session")
def formats() -> list[Format]:
    """The rows of formats.csv."""
    return FORMATS


def _clicks(rate: int) -> np.ndarray:
    signal = 0.001 * np.random.default_rng(0).standard_normal(int(SECONDS * rate))
    length = int(0.004 * rate)
    click = 0.8 * np.hanning(length) * np.sin(2 * np.pi * 1000 * np.arange(length) / rate)
    for at_s in MARKS_S:
        first = int(at_s * rate) - length // 2
        signal[first : first + length] += click
    return signal.astype(np.float32)


def _late_s(waveform: np.ndarray) -> list[float]:
    length = int(0.004 * SAMPLE_RATE)
    click = np.hanning(length) * np.exp(2j * np.pi * 1000 * np.arange(length) / SAMPLE_RATE)
    found = []
    for at_s in MARKS_S:
        first = int((at_s - 0.3) * SAMPLE_RATE)
        likeness = np.abs(np.convolve(waveform[first : first + int(0.6 * SAMPLE_RATE)], click, "same"))
        found.append((first + int(likeness.argmax())) / SAMPLE_RATE - at_s)
    return found


def _mux(file: Any, stream: Any, signal: np.ndarray, rate: int, start_s: float) -> None:
    """Encodes `(samples,)` or `(samples, channels)`."""
    layout = stream.codec_context.layout.name
    packed = np.ascontiguousarray(signal, np.float32).reshape(1, -1)
    frame = av.AudioFrame.from_ndarray(packed, format="flt", layout=layout)
    frame.sample_rate, frame.pts, frame.time_base = rate, 0, Fraction(1, rate)
    context = stream.codec_context
    fifo = av.AudioFifo()
    for converted in av.AudioResampler(format=context.format.name, layout=layout, rate=rate).resample(frame):
        fifo.write(converted)
    while (part := fifo.read(context.frame_size or 1024, partial=True)) is not None:
        part.pts += round(start_s * rate)
        file.mux(stream.encode(part))
    file.mux(stream.encode(None))


def _encode(
    path: Path,
    codec: str,
    rate: int,
    container: str,
    signals: list[np.ndarray] | None = None,
    default: int | None = None,
    bit_rate: int = 0,
    start_s: float = 0.0,
    layout: str = "mono",
    **options: str,
) -> Path:
    with av.open(str(path), "w", format=container, options=options) as file:
        signals = [_clicks(rate)] if signals is None else signals
        streams = [file.add_stream(codec, rate=rate, layout=layout) for _ in signals]
        for number, stream in enumerate(streams):
            if bit_rate:
                stream.bit_rate = bit_rate
            if default is not None:
                stream.disposition = av.stream.Disposition(int(number == default))
            stream.codec_context.open()
        for stream, signal in zip(streams, signals, strict=True):
            _mux(file, stream, signal, rate, start_s)
    return path


@pytest.fixture(scope="session")
def clicks() -> Callable[[int], np.ndarray]:
    """Returns clicks(rate): four clicks of 4 ms in faint noise, 5 s, float32 `(samples,)`."""
    return _clicks


@pytest.fixture(scope="session")
def late_s() -> Callable[[np.ndarray], list[float]]:
    """Returns late_s(waveform): by how much each click is late, in s."""
    return _late_s


@pytest.fixture(scope="session")
def encode() -> Callable[..., Path]:
    """Returns encode(path, codec, rate, container, signals, ...) -> path, by FFmpeg, with `options` of its muxer.

    One stream of `clicks`, or one for each of the `signals`; `default` is the flagged one of them.
    """
    return _encode


@pytest.fixture(scope="session")
def write_as() -> Callable[[Path, Format, np.ndarray], Path]:
    """Returns write_as(path, form, signal) -> path, a mono signal in one of the formats."""

    def write(path: Path, form: Format, signal: np.ndarray) -> Path:
        if form.writer == "FFmpeg":
            return _encode(path, form.codec, form.rate, form.container, [signal], bit_rate=form.bit_rate)
        sf.write(path, signal, form.rate, form.codec, format=form.container)
        return path

    return write


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory, write_as: Callable[..., Path]) -> Callable[[str], Path]:
    """Returns written(name) -> path of `clicks` in one of the formats, each encoded once."""
    folder = tmp_path_factory.mktemp("formats")
    by_name = {form.name: form for form in FORMATS}

    def write(name: str) -> Path:
        path = folder / name
        return path if path.exists() else write_as(path, by_name[name], _clicks(by_name[name].rate))

    return write


@pytest.fixture(scope="session")
def read() -> Callable[[Path], tuple[np.ndarray, Recording]]:
    """Returns read(path) -> a whole recording, float32 `(samples,)`, and the `Recording` that tells of it."""

    def read(path: Path) -> tuple[np.ndarray, Recording]:
        with Recording(path, path) as recording:
            return np.concatenate(list(recording.blocks())), recording

    return read
