"""Recordings for a page, made of noise and of names that a page must not take for markup."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from emoclr.corpus.audio.encode import encode_mp3
from emoclr.predict.output.page.page_file import PageSettings, page_part, write_page
from emoclr.predict.output.page.page_path import Sound
from emoclr.predict.output.page.recording_on_page import PagedRecording, summary_of
from emoclr.predict.output.page.sound_picture import SoundPicture
from emoclr.predict.stream.rows import Spoken
from emoclr.predict.stream.segments import Segment

EMOTIONS = ["<b>joy</b>", "anger & more", '"fear"</script>']
RATE = 16_000


@pytest.fixture
def recording() -> Callable[..., PagedRecording]:
    """Returns recording(path, seconds) -> noise with a segment of the first emotion from 2 to 5 s, and no other."""

    def of(path: str, seconds: float, seed: int = 0) -> PagedRecording:
        rng = np.random.default_rng(seed)
        picture = SoundPicture()
        picture.push((0.1 * rng.standard_normal(round(seconds * RATE))).astype(np.float32))
        moments_s = np.arange(0.0, seconds)
        probabilities = rng.uniform(0, 0.3, (len(moments_s), len(EMOTIONS)))
        probabilities[2:5, 0] = 0.9
        segments = [Segment(Path(path), 2.0, 5.0, EMOTIONS[0], 0.9)]
        voiced = [(1.0, 6.0), (7.0, 8.0)]
        spoken = Spoken(seconds, 6.0, [3.0, 0.0, 0.0])
        return PagedRecording(Path(path), spoken, picture.finish(), moments_s, probabilities, voiced, segments)

    return of


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Returns write(recordings, sound) -> the page of them."""

    def of(recordings: list[PagedRecording], sound: Sound = "none", limits: tuple[str, ...] = ()) -> Path:
        out = tmp_path / "page.html"
        settings = PageSettings(EMOTIONS, [0.5, 0.5, 0.5], sound, limits, ("Labels are votes.",), "my-<b>emotions</b>")
        parts = (
            block
            for number, one in enumerate(recordings)
            for block in page_part(number, one, settings, out, _mp3(one) if sound == "embed" else None)
        )
        write_page(out, [summary_of(one) for one in recordings], settings, [], parts)
        return out

    return of


def _mp3(recording: PagedRecording) -> io.BytesIO:
    time_s = np.arange(round(recording.spoken.duration_s * RATE)) / RATE
    return io.BytesIO(encode_mp3((0.3 * np.sin(2 * np.pi * 440 * time_s)).astype(np.float32), 40))
