"""The gate says what Silero VAD says, in whatever pieces the samples come."""

import importlib.util
import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from emoclr.configs.errors import EmoclrError
from emoclr.corpus.audio.onnx_weights import read_onnx_weights
from emoclr.corpus.audio.silero import silero
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
from emoclr.predict.export.onnx_session import onnx_session

RATE = 16_000


@pytest.fixture(scope="module")
def spoken() -> NDArray[np.float32]:
    """A second of silence, two of a made voice, one of silence, and part of a frame."""
    rng = np.random.default_rng(0)
    voice = draw_voice("female", rng)
    said = speak(voice, express("happiness", voice, rng), 2.0, rng)
    quiet = 1e-4 * rng.standard_normal(RATE)
    return np.concatenate([quiet, said, quiet, quiet[:300]]).astype(np.float32)


def data_of_silero(name: str) -> Path:
    package = importlib.util.find_spec("silero_vad")
    assert package is not None and package.origin is not None
    return Path(package.origin).parent / "data" / name


def by_onnx_runtime(waveform: NDArray[np.float32]) -> NDArray[np.float32]:
    """Frame by frame, each with the 64 samples before it."""
    session = onnx_session(data_of_silero("silero_vad_16k_sequence.onnx"))
    hidden = cell = np.zeros((1, 1, 128), dtype=np.float32)
    before, found = np.zeros(64, dtype=np.float32), []
    for frame in np.pad(waveform, (0, -len(waveform) % FRAME_SAMPLES)).reshape(-1, 1, FRAME_SAMPLES):
        inputs = {"input": np.concatenate([before[None], frame], axis=1), "h": hidden, "c": cell}
        voice, hidden, cell = session.run(["speech_probs", "hn", "cn"], inputs)
        before = frame[0, -64:]
        found.append(voice.item())
    return np.array(found, dtype=np.float32)


SOUNDS = ("voice", "voice in noise", "noise", "silence", "clipped", "barely any sound")


@pytest.mark.parametrize("sound", SOUNDS)
def test_it_says_what_onnx_runtime_says_of_the_packages_network(sound: str, spoken: NDArray[np.float32]) -> None:
    noise = np.random.default_rng(1).standard_normal(len(spoken)).astype(np.float32)
    waveform = {
        "voice": spoken,
        "voice in noise": spoken + 0.02 * noise,
        "noise": 0.1 * noise,
        "silence": np.zeros_like(spoken),
        "clipped": np.clip(30 * spoken, -1, 1),
        "barely any sound": np.float32(1e-39) * noise,
    }[sound]
    expected = by_onnx_runtime(waveform)
    for size in (len(waveform), 8_000, 700, 300):  # whole, and piece by piece
        gate = VoiceGate()
        pieces = [gate.push(waveform[start : start + size]) for start in range(0, len(waveform), size)]
        found = np.concatenate([*pieces, gate.finish()])
        assert np.abs(found - expected).max() < 1e-4
        assert (voiced_frames(found) == voiced_frames(expected)).all()
    assert (expected.max() > 0.5) == (sound in ("voice", "voice in noise", "clipped"))


def test_it_is_the_network_that_the_package_itself_runs(spoken: NDArray[np.float32]) -> None:
    reference = torch.jit.load(str(data_of_silero("silero_vad.jit")))
    filled = torch.from_numpy(np.pad(spoken, (0, -len(spoken) % FRAME_SAMPLES)))
    with torch.inference_mode():
        expected = [reference(frame, RATE).item() for frame in filled.split(FRAME_SAMPLES)]
    assert voice_probabilities(spoken) == pytest.approx(np.array(expected), abs=1e-4)
    assert max(expected) > 0.9 and min(expected) < 0.1


def test_weights_are_those_of_the_onnx_file() -> None:
    path = data_of_silero("silero_vad_16k_op15.onnx")
    found, expected = read_onnx_weights(path), onnx.load(path).graph.initializer
    assert list(found) == [tensor.name for tensor in expected]
    for tensor in expected:
        assert (found[tensor.name] == onnx.numpy_helper.to_array(tensor).ravel()).all()


def test_another_network_than_silero_vads_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("emoclr.corpus.audio.silero.read_onnx_weights", lambda path: {})
    with pytest.raises(EmoclrError, match=r"silero_vad_16k_op15\.onnx.*encoder\.0.*silero-vad==6\.2\.3"):
        silero.__wrapped__()


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


def python(code: str, **environment: str) -> str:
    """Returns what a process of its own prints, with as many threads as it likes."""
    others = {name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")}
    command = [sys.executable, "-c", f"import sys; from emoclr.corpus.audio.voice import VoiceGate; {code}"]
    return subprocess.run(command, check=True, capture_output=True, text=True, env=others | environment).stdout


def test_neither_torch_nor_onnx_runtime_is_imported() -> None:
    """The package silero-vad would import torch and set its threads."""
    heavy = "{'torch', 'onnx', 'onnxruntime', 'silero_vad'}"
    assert python(f"VoiceGate().finish(); print({heavy} & set(sys.modules))") == "set()\n"


def test_no_other_thread_works_or_waits_for_work() -> None:
    code = """import time, numpy as np
gate, noise = VoiceGate(), np.random.default_rng(0).standard_normal(1_600_000).astype(np.float32)
gate.push(noise)
before = time.process_time(), time.thread_time()
gate.push(noise)
print(time.process_time() - before[0], time.thread_time() - before[1])
"""
    of_all_s, of_one_s = map(float, python(code, OPENBLAS_NUM_THREADS="2").split())
    assert of_all_s < 1.3 * of_one_s + 0.02
