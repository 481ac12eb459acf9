"""How late the samples of a stream are in `predict -`: what the encoder, its container and our decoder hold back.

    python benchmarks/timeline/live.py SPEECH.wav

Speech is encoded by FFmpeg with the settings of its command line. Its bytes are given to the decoder one write of the
encoder after the other; each time that the decoder asks for more, it is known which samples it has given, and how far
the encoder was. A window of `predict -` ends at whole seconds; its delay is how far the encoder had come by the time at
which its last sample was there. Nothing depends on how quick or busy the machine is; the network's time comes on top.
"""

import argparse
from fractions import Fraction
from pathlib import Path
from statistics import median
from typing import NamedTuple

import av
import numpy as np
import soxr
from numpy.typing import NDArray

from emoclr.corpus.audio.decoder import SAMPLE_RATE, Recording, read_waveform
from emoclr.corpus.audio.formats.pipe import Pipe, RawPcm

STEP_S = 0.02
HOP_S = 1.0
LENGTH_S = 40.0
LEFT_OUT_S = 5.0
"""At the beginning a decoder looks at more, to know what it is; networks are loaded meanwhile."""
NEVER = float("inf")


class Form(NamedTuple):
    """A stream as FFmpeg writes it: container, codec, sample rate in Hz, and options of the container."""

    container: str
    codec: str
    rate: int = 16_000
    options: dict[str, str] = {}


PAGES = {"page_duration": "100000"}
FORMS = {
    "raw": Form("s16le", "pcm_s16le"),
    "wav": Form("wav", "pcm_s16le"),
    "flac": Form("flac", "flac"),
    "flac 44.1 kHz": Form("flac", "flac", 44_100),
    "mp3": Form("mp3", "libmp3lame"),
    "mp3 44.1 kHz": Form("mp3", "libmp3lame", 44_100),
    "aac (ADTS)": Form("adts", "aac", 44_100),
    "mpeg-ts": Form("mpegts", "aac", 44_100),
    "mp4, -movflags empty_moov -frag_duration 100000": Form(
        "mp4", "aac", 44_100, {"movflags": "empty_moov", "frag_duration": "100000"}
    ),
    "webm": Form("webm", "libopus", 48_000),
    "webm, -cluster_time_limit 100": Form("webm", "libopus", 48_000, {"cluster_time_limit": "100"}),
    "nut": Form("nut", "pcm_s16le"),
    "ogg opus": Form("ogg", "libopus", 48_000),
    "ogg opus, -page_duration 100000": Form("ogg", "libopus", 48_000, PAGES),
    "ogg flac": Form("ogg", "flac"),
    "ogg flac, -page_duration 100000": Form("ogg", "flac", 16_000, PAGES),
}


class Written:
    """What an encoder writes, and how far it had come each time."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.parts: list[tuple[float, bytes]] = []

    def write(self, content: bytes) -> int:
        self.parts.append((self.now_s, bytes(content)))
        return len(content)


def encoded(waveform: NDArray[np.float32], form: Form) -> list[tuple[float, bytes]]:
    """Returns what is written of a waveform (samples,) at the rate of the form, and at which second of it."""
    written = Written()
    with av.open(written, "w", format=form.container, options=form.options) as container:
        stream = container.add_stream(form.codec, rate=form.rate, layout="mono")
        step = round(STEP_S * form.rate)
        resampler = av.AudioResampler(stream.format, "mono", form.rate, stream.frame_size or step)
        for first in range(0, len(waveform), step):
            some = np.ascontiguousarray(waveform[None, first : first + step])
            written.now_s = (first + some.shape[1]) / form.rate
            frame = av.AudioFrame.from_ndarray(some, "fltp", "mono")
            frame.sample_rate, frame.pts, frame.time_base = form.rate, first, Fraction(1, form.rate)
            for ready in resampler.resample(frame):
                container.mux(stream.encode(ready))
        written.now_s = NEVER
        for ready in resampler.resample(None):
            container.mux(stream.encode(ready))
        container.mux(stream.encode(None))
    return written.parts


class Given(Pipe):
    """A pipe in which nothing is there but what the encoder has written before the decoder asks."""

    def __init__(self, parts: list[tuple[float, bytes]], raw: RawPcm | None) -> None:
        self._parts, self._rest, self._put_back, self.head, self.raw = iter(parts), b"", b"", b"", raw
        self.now_s = 0.0

    def read(self, size: int) -> bytes:
        if self._put_back:
            found, self._put_back = self._put_back[:size], self._put_back[size:]
            return found
        while not self._rest:
            self.now_s, self._rest = next(self._parts, (NEVER, b""))
            if not self._rest and self.now_s == NEVER:
                return b""
        found, self._rest = self._rest[:size], self._rest[size:]
        self.head = self.head or found
        return found


def delays_s(waveform: NDArray[np.float32], form: Form) -> list[float]:
    """Returns how late the last sample of each window is, s."""
    raw = RawPcm(form.rate) if form.container == "s16le" else None
    pipe = Given(encoded(waveform, form), raw)
    samples, found = 0, []
    with Recording(Path("stdin"), pipe, "mean") as recording:
        for block in recording.blocks():
            before_s, samples = samples / SAMPLE_RATE, samples + len(block)
            for end_s in np.arange(np.floor(before_s) + 1, samples / SAMPLE_RATE + 1e-9, HOP_S):
                found.append(pipe.now_s - end_s)
    return [delay for delay in found[int(LEFT_OUT_S / HOP_S) :] if delay != NEVER]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("speech", type=Path)
    speech = read_waveform(parser.parse_args().speech, end_s=LENGTH_S)
    for name, form in FORMS.items():
        found = delays_s(soxr.resample(speech, SAMPLE_RATE, form.rate), form)
        print(f"{name}: median {median(found):.2f} s, latest {max(found):.2f} s, {len(found)} windows", flush=True)


if __name__ == "__main__":
    main()
