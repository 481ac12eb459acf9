"""Nothing is named where nobody speaks: of made voices between silence and noise."""

import csv
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import soundfile as sf

from emoclr.corpus.demo.expression import express
from emoclr.corpus.demo.voice import draw_voice, speak
from emoclr.finetune.model.checkpoint import EnsembleCard, load_ensemble
from emoclr.finetune.model.emotion_model import Ensemble
from emoclr.predict.run import Predictions, predict
from emoclr.predict.stream.rows import PredictionRow
from emoclr.predict.stream.segments import Segment

RATE = 16_000
Loaded = tuple[Ensemble, EnsembleCard]


@pytest.fixture(scope="module")
def loaded(emotions: Path) -> Loaded:
    return load_ensemble(emotions)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """2 s of silence, 2 s of a voice and 2 s of silence; a voice of 0.2 s; and noise alone."""
    folder = tmp_path_factory.mktemp("voices")
    rng = np.random.default_rng(0)
    voice = draw_voice("female", rng)
    said = speak(voice, express("anger", voice, rng), 2.0, rng)
    quiet = 1e-4 * rng.standard_normal(2 * RATE)
    sf.write(folder / "call.wav", np.clip(np.concatenate([quiet, said, quiet]), -1, 1), RATE)
    sf.write(folder / "noise.wav", 0.05 * rng.standard_normal(2 * RATE), RATE)
    sf.write(folder / "short.wav", np.clip(said[RATE : RATE + RATE // 5], -1, 1), RATE)
    return folder


def of_file(found: Predictions, name: str) -> list[PredictionRow]:
    return [row for row in found.rows if isinstance(row, PredictionRow) and row.path.name == name]


PREDICTED = """
import sys
from emoclr.predict.cli import main
assert main(["--from", *sys.argv[1:], "--out", "-"]) == 0
heavy = {"onnx", "onnxruntime", "silero_vad", "librosa", "lightly", "pytorch_lightning", "scipy", "torch._dynamo"}
print("imported:", *sorted(heavy & set(sys.modules)))
"""


def test_a_recording_is_heard_without_onnx_runtime_and_what_trains(emotions: Path, folder: Path) -> None:
    command = [sys.executable, "-c", PREDICTED, str(emotions), str(folder / "call.wav")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    *_, row, imported = done.stdout.splitlines()
    assert row.startswith(str(folder / "call.wav")) and imported == "imported:"


def test_windows_without_a_voice_name_nothing_and_have_no_probabilities(loaded: Loaded, folder: Path) -> None:
    found = predict(*loaded, [folder], kind="window")
    (short,) = of_file(found, "short.wav")
    assert short.voice > 0.5 and np.isfinite(short.probabilities).all()
    call = of_file(found, "call.wav")
    for row in call:
        spoken = max(0.0, min(row.end_s, 4.0) - max(row.start_s, 2.0)) / 0.5
        assert row.voice == pytest.approx(spoken, abs=0.6 if 1.5 <= row.start_s <= 4.3 else 0.0)
        assert np.isnan(row.probabilities).all() == (row.voice < 0.1) and (row.voice >= 0.1 or row.emotions == [])
    assert [row.voice for row in of_file(found, "noise.wav")] == [0.0] * 6
    assert [(remark.path.name, remark.status) for remark in found.remarks] == [("noise.wav", "voiceless")]
    heard = [row.probabilities for row in predict(*loaded, [folder], kind="window", gate=False).rows]
    gated = [row.probabilities for row in found.rows]
    assert len(heard) == len(gated) and np.isfinite(heard).all()
    for before, after in zip(heard, gated, strict=True):
        assert np.isnan(after).all() or after == pytest.approx(before, abs=1e-5)


def test_a_recording_is_the_mean_of_the_windows_in_which_somebody_speaks(loaded: Loaded, folder: Path) -> None:
    (row,) = of_file(predict(*loaded, [folder / "call.wav"]), "call.wav")
    windows = of_file(predict(*loaded, [folder / "call.wav"], kind="window"), "call.wav")
    alone = [window.probabilities for window in windows if window.voice >= 0.1]
    lowest, highest = np.min(alone, axis=0), np.max(alone, axis=0)
    assert (lowest <= row.probabilities).all() and (row.probabilities <= highest).all()
    assert row.voice == pytest.approx(2 / 6, abs=0.08) and row.end_s == pytest.approx(6.0)
    (noise,) = of_file(predict(*loaded, [folder / "noise.wav"]), "noise.wav")
    assert noise.voice == 0 and noise.emotions == [] and np.isnan(noise.probabilities).all()


def test_segments_lie_where_somebody_speaks_and_shares_are_theirs(loaded: Loaded, folder: Path) -> None:
    sure = loaded[1].model_copy(update={"thresholds": [0.0, 2.0]})  # anger always, sadness never
    found = predict(loaded[0], sure, [folder / "call.wav"], kind="segment")
    (segment,) = found.rows
    assert isinstance(segment, Segment) and segment.emotion == "anger"
    assert segment.start_s == pytest.approx(2.0, abs=0.15) and segment.end_s == pytest.approx(4.0, abs=0.4)
    (row,) = of_file(predict(loaded[0], sure, [folder / "call.wav"]), "call.wav")
    assert row.shares == pytest.approx([1.0, 0.0], abs=0.05)


def test_with_single_labels_nothing_is_named_in_silence(one_emotion: Path, folder: Path) -> None:
    found = predict(*load_ensemble(one_emotion), [folder / "call.wav"], kind="window")
    assert {len(row.emotions) for row in of_file(found, "call.wav") if row.voice >= 0.1} == {1}
    assert {len(row.emotions) for row in of_file(found, "call.wav") if row.voice < 0.1} == {0}


def test_the_command_tells_minutes_and_takes_windows(
    run: Callable[..., Any], emotions: Path, folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.csv"
    ran = run("--from", emotions, folder, "--out", out, "--timeline", "--hop", "0.5", "--window", "1")
    assert ran.code == 0 and "noise.wav" in ran.told and "--gate none" in ran.told
    with out.open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["path"].endswith("call.wav")]
    assert [float(row["start_s"]) for row in rows] == [0.5 * number for number in range(11)]
    assert rows[0]["voice"] == "0.0000" and rows[0]["anger"] == rows[0]["emotions"] == ""
    assert "somebody speaks in 0:02." in ran.told
    for words, named in ((["--hop", "2"], "hop_s 2"), (["--window", "0"], "window_s"), (["--hop", "nan"], "hop_s")):
        ran = run("--from", emotions, folder, "--out", tmp_path / "no.csv", *words)
        assert ran.code == 2 and named in ran.told and len(ran.told.splitlines()) <= 3


def test_channels_are_heard_alone(run: Callable[..., Any], emotions: Path, folder: Path, tmp_path: Path) -> None:
    voice, _ = sf.read(folder / "call.wav")
    sides = np.stack([voice, np.roll(voice, RATE)], axis=1)  # the second one speaks a second later
    sf.write(tmp_path / "call.wav", sides, RATE)
    sf.write(tmp_path / "mono.wav", voice, RATE)
    (tmp_path / "broken.wav").write_bytes(b"none")
    recordings = [tmp_path / name for name in ("broken.wav", "call.wav", "mono.wav")]
    words = ("--from", emotions, *recordings, "--channels", "separate", "--timeline")
    assert run(*words, "--out", tmp_path / "out.csv").code == 0
    frame = pd.read_csv(tmp_path / "out.csv", keep_default_na=False)
    of_call = frame[frame["path"] == str(recordings[1])]
    first, second = (of_call[of_call["channel"] == channel].reset_index(drop=True) for channel in (1, 2))
    assert run("--from", emotions, recordings[2], "--timeline", "--out", tmp_path / "alone.csv").code == 0
    alone = pd.read_csv(tmp_path / "alone.csv", keep_default_na=False)
    columns = ["start_s", "end_s", "voice", "anger", "emotions"]
    assert first[columns].to_csv() == alone[columns].to_csv()
    assert first["start_s"].tolist() == second["start_s"].tolist()
    assert second["voice"].to_numpy().argmax() > first["voice"].to_numpy().argmax()
    told = run(*words[:-1], "--segments", "--out", tmp_path / "segments.jsonl").told
    assert "3 channels, 0:18.0" in told and "broken.wav" in told
    segments = pd.read_json(tmp_path / "segments.jsonl", lines=True)
    assert list(segments.columns) == ["path", "start_s", "end_s", "channel", "emotion", "probability", "cautions"]
    assert {*segments["channel"]} <= {1, 2}
    ran = run(*words, "--speaker", "folder", "--out", tmp_path / "no.csv")
    assert ran.code == 2 and "--speaker" in ran.told and "separate" in ran.told
    assert run("--from", emotions, "-", "--channels", "separate").code == 2
