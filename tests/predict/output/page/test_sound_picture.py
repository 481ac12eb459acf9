"""Columns of a recording are as loud as it is, show its pitch, and do not depend on how it was cut into blocks."""

import io

import librosa
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from emoclr.predict.output.page.sound_picture import (
    BANDS,
    MAX_FINE_COLUMNS,
    MIN_DB,
    STEP_DB,
    TILE_COLUMNS,
    Picture,
    SoundPicture,
)

RATE = 16_000


def drawn(waveform: NDArray[np.float32], cuts: list[int] = []) -> Picture:  # noqa: B006
    picture = SoundPicture()
    for block in np.split(waveform, sorted(cuts)):
        picture.push(block)
    return picture.finish()


@pytest.fixture(scope="module")
def spoken() -> NDArray[np.float32]:
    rng = np.random.default_rng(0)
    loud = np.repeat(rng.uniform(0, 0.5, 100), RATE // 2)
    return (loud * rng.standard_normal(len(loud)) / 4).astype(np.float32)  # 50 s


@settings(max_examples=8, deadline=None)
@given(cuts=st.lists(st.integers(0, 50 * RATE), max_size=5))
def test_blocks_change_nothing(spoken: NDArray[np.float32], cuts: list[int]) -> None:
    whole, parts = drawn(spoken), drawn(spoken, cuts)
    assert parts.column_s == whole.column_s
    assert np.array_equal(parts.peaks, whole.peaks) and np.array_equal(parts.levels, whole.levels)


@pytest.mark.parametrize("seconds, column_s", [(0.0, 0.01), (0.0125, 0.01), (40.9, 0.01), (41, 0.02), (300, 0.08)])
def test_columns_cover_the_recording_and_are_as_fine_as_a_screen_shows(seconds: float, column_s: float) -> None:
    picture = drawn(np.zeros(round(seconds * RATE), dtype=np.float32))
    assert picture.column_s == column_s
    assert len(picture.peaks) == picture.levels.shape[1] == int(np.ceil(round(seconds * RATE) / (column_s * RATE)))
    assert len(picture.peaks) < MAX_FINE_COLUMNS


def test_peaks_are_the_largest_amplitudes(spoken: NDArray[np.float32]) -> None:
    picture = drawn(spoken)
    samples = round(picture.column_s * RATE)
    largest = np.abs(spoken).reshape(-1, samples).max(axis=1)
    assert picture.peaks / 255 == pytest.approx(largest / largest.max(), abs=0.5 / 255 + 1e-6)


def test_levels_are_those_of_librosa(spoken: NDArray[np.float32]) -> None:
    waveform = spoken[: 5 * RATE]
    picture = drawn(waveform)
    padded = np.pad(waveform, (176, 512))  # frames lie in the middle of their columns
    mel = librosa.feature.melspectrogram(
        y=padded, sr=RATE, n_fft=512, hop_length=160, center=False, n_mels=BANDS, fmax=RATE / 2
    )[:, : picture.levels.shape[1]]
    expected = 10 * np.log10(np.maximum(mel, 1e-20))
    found = MIN_DB + STEP_DB * picture.levels
    loud = (found > MIN_DB + 5) & (expected > expected.max() - 60)
    assert np.std((found - expected)[loud]) < STEP_DB / 2  # the same but for one scale and rounding


def test_a_higher_tone_stands_higher() -> None:
    time_s = np.arange(RATE) / RATE
    rows = []
    for hz in (300, 1_000, 4_000):
        tile = drawn((0.5 * np.sin(2 * np.pi * hz * time_s)).astype(np.float32)).tiles()[0]
        picture = np.asarray(Image.open(io.BytesIO(tile)).convert("L"), dtype=float)
        assert picture.shape == (BANDS, 100)
        rows.append(int(picture.mean(axis=1).argmax()))
    assert rows == sorted(rows, reverse=True) and rows[0] > BANDS / 2 > rows[2]


def test_tiles_are_side_by_side() -> None:
    picture = Picture(0.08, np.zeros(TILE_COLUMNS + 3, np.uint8), np.zeros((BANDS, TILE_COLUMNS + 3), np.uint8))
    assert [Image.open(io.BytesIO(tile)).width for tile in picture.tiles()] == [TILE_COLUMNS, 3]
