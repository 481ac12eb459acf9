"""The gate says what Silero VAD says, in whatever pieces the samples come."""

import importlib.util
import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from emoclr.corpus.audio.voice import (
    FRAME_S,
    FRAME_SAMPLES,
    MIN_VOICE_FRAMES,
    OFF,
    ON,
    PADDING_FRAMES,
    VoiceGate,
    VoiceTrack,
    voice_probabilities,
    voiced_frames,
    voiced_intervals,
)
from emoclr.corpus.demo.expression import express
from emoclr.corpus.demo.voice import draw_voice, speak

RATE = 16_000


@pytest.fixture(scope="module")
def spoken() -> NDArray[np.float32]:
    """A second of silence, two of a made voice, one of silence, and part of a frame."""
    rng = np.random.default_rng(0)
    voice = draw_voice("female", rng)
    said = speak(voice, express("happiness", voice, rng), 2.0, rng)
    quiet = 1e-4 * rng.standard_normal(RATE)
    return np.concatenate([quiet, said, quiet, quiet[:300]]).astype(np.float32)


def test_it_is_the_packages_own_network(spoken: NDArray[np.float32]) -> None:
    package = importlib.util.find_spec("silero_vad")
    assert package is not None and package.origin is not None
    reference = torch.jit.load(str(Path(package.origin).parent / "data/silero_vad.jit"))
    filled = torch.from_numpy(np.pad(spoken, (0, -len(spoken) % FRAME_SAMPLES)))
    with torch.inference_mode():
        expected = [reference(frame, RATE).item() for frame in filled.split(FRAME_SAMPLES)]
    assert voice_probabilities(spoken) == pytest.approx(np.array(expected), abs=1e-4)
    assert max(expected) > 0.9 and min(expected) < 0.1


@settings(max_examples=20, deadline=None)
@given(cuts=st.lists(st.integers(0, 4 * RATE + 300), max_size=6))
def test_the_pieces_in_which_samples_come_change_nothing(spoken: NDArray[np.float32], cuts: list[int]) -> None:
    gate = VoiceGate()
    pieces = [spoken[start:end] for start, end in pairwise([0, *sorted(cuts), len(spoken)])]
    for _ in range(2):  # it begins anew after each recording
        found = np.concatenate([*map(gate.push, pieces), gate.finish()])
        assert found == pytest.approx(voice_probabilities(spoken), abs=1e-5)
        assert len(found) == -(-len(spoken) // FRAME_SAMPLES)


def test_the_voice_is_found_where_it_is(spoken: NDArray[np.float32]) -> None:
    found = voiced_intervals(voice_probabilities(spoken))
    assert found[0][0] == pytest.approx(1.0, abs=0.15) and found[-1][1] == pytest.approx(3.0, abs=0.35)
    assert sum(end - start for start, end in found) > 1.8


def voiced_by_hand(probabilities: list[float]) -> list[bool]:
    """The rule, frame by frame."""
    voiced, before = [], False
    for p in probabilities:
        before = p >= ON or (before and p >= OFF)
        voiced.append(before)
    kept = [False] * len(voiced)
    for start in range(len(voiced) - MIN_VOICE_FRAMES + 1):
        if all(voiced[start : start + MIN_VOICE_FRAMES]):
            kept[start : start + MIN_VOICE_FRAMES] = [True] * MIN_VOICE_FRAMES
    return [any(kept[max(0, i - PADDING_FRAMES) : i + PADDING_FRAMES + 1]) for i in range(len(kept))]


FRAMES = st.lists(st.sampled_from([0.0, 0.06, 0.5]), max_size=60)


@settings(deadline=None)
@given(FRAMES, FRAMES)
def test_voices_follow_the_rule_and_later_frames_change_nothing_that_is_settled(first: list[float], rest: list[float]):
    found = voiced_frames(np.array(first, dtype=np.float32))
    assert found.tolist() == voiced_by_hand(first)
    more = voiced_frames(np.array(first + rest, dtype=np.float32))
    settled = max(0, len(first) - MIN_VOICE_FRAMES - PADDING_FRAMES)
    assert (found[:settled] == more[:settled]).all()
    seconds = sum(end - start for start, end in voiced_intervals(np.array(first, dtype=np.float32)))
    assert seconds == pytest.approx(found.sum() * FRAME_S)


@settings(max_examples=20, deadline=None)
@given(cuts=st.lists(st.integers(0, 4 * RATE + 300), max_size=6))
def test_a_track_knows_piece_by_piece_what_is_known_of_the_whole(spoken: NDArray[np.float32], cuts: list[int]) -> None:
    whole = voiced_intervals(voice_probabilities(spoken))
    expected = [(round(start * RATE), min(len(spoken), round(end * RATE))) for start, end in whole]
    track = VoiceTrack()
    for start, end in pairwise([0, *sorted(cuts), len(spoken)]):
        track.push(spoken[start:end])
        known = min(track.known, end)
        assert end - track.known <= (MIN_VOICE_FRAMES + PADDING_FRAMES + 1) * FRAME_SAMPLES
        assert track.voiced(0, known) == [(a, min(b, known)) for a, b in expected if a < known]
    track.finish()
    assert track.voiced(0, len(spoken)) == expected
    assert track.voiced(RATE + 100, RATE + 200) == [(RATE + 100, RATE + 200)]


def test_torch_is_left_alone() -> None:
    """The package silero-vad sets the threads of torch as soon as it is imported."""
    code = "import sys; from emoclr.corpus.audio.voice import VoiceGate; VoiceGate(); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_nothing_is_written_or_reported(tmp_path: Path) -> None:
    """ONNX Runtime makes an id of the machine and a database of reports in the home folder, unless told not to."""
    home = {name: value for name, value in os.environ.items() if not name.startswith(("ORT_", "XDG_"))}
    code = "from emoclr.corpus.audio.voice import VoiceGate; VoiceGate().finish()"
    environment = home | {"HOME": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"}
    assert subprocess.run([sys.executable, "-c", code], check=False, env=environment).returncode == 0
    assert list(tmp_path.rglob("*")) == []
