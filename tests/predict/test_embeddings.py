"""`predict --embeddings`: a file of embeddings of whole folders, with what each row is of."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import soundfile as sf

import emoclr
import emoclr.pretrain.encoder.recordings as embedding
from emoclr.corpus.demo.expression import express
from emoclr.corpus.demo.voice import draw_voice, speak
from emoclr.predict.cli import main
from emoclr.predict.output.out_path import part_path, state_path

RATE = 16_000


@pytest.fixture(scope="module")
def emotions(workspace: Path) -> Path:
    return workspace / "checkpoints/my-emotions"


@pytest.fixture
def run(call: Callable[..., Any], small_batches: None) -> Callable[..., Any]:
    return lambda *words: call(main, words, Path())


def read(out: Path) -> tuple[np.ndarray, pd.DataFrame]:
    """Returns embeddings and their index, of any of the three forms."""
    if out.suffix == ".parquet":
        frame = pd.read_parquet(out)
        return np.stack(frame["embedding"].tolist()), frame[["path", "start_s", "end_s", "voice"]]
    if out.suffix == ".npz":
        found = np.load(out)
        return found["embeddings"], pd.DataFrame({name: found[name] for name in ("path", "start_s", "end_s", "voice")})
    return np.load(out, mmap_mode="r"), pd.read_csv(out.with_name(f"{out.stem}.index.csv"))


@pytest.mark.parametrize("timeline", [False, True])
@pytest.mark.parametrize("ending", ["parquet", "npz", "npy"])
def test_embeddings_are_those_of_python(
    run: Callable[..., Any], emotions: Path, recordings: Path, tmp_path: Path, ending: str, timeline: bool
) -> None:
    out = tmp_path / f"below/found.{ending}"
    ran = run("--from", emotions, recordings, "--embeddings", out, *(["--timeline"] if timeline else []))
    assert ran.code == 0 and str(out) in ran.told
    expected = emoclr.load_ensemble(emotions).embed(recordings, timeline=timeline, segmented_index=True)
    embeddings, index = read(out)
    assert embeddings.dtype == np.float32
    assert embeddings == pytest.approx(expected.to_numpy(), abs=1e-5)
    assert index["path"].tolist() == [name for name, _, _ in expected.index]
    for column, level in (("start_s", "start"), ("end_s", "end")):
        assert index[column].tolist() == pytest.approx(
            expected.index.get_level_values(level).total_seconds().tolist(), abs=1e-3
        )
    assert "broken.mp3" in (out.parent / "found.errors.csv").read_text()
    assert {path.name for path in out.parent.iterdir()} <= {out.name, "found.index.csv", "found.errors.csv"}


def test_an_encoder_gives_what_embed_does(run: Callable[..., Any], workspace: Path, tmp_path: Path) -> None:
    encoder = workspace / "checkpoints/my-run"
    assert run("--from", encoder, workspace / "recordings", "--embeddings", tmp_path / "a.npy").code == 0
    assert read(tmp_path / "a.npy")[0] == pytest.approx(emoclr.embed(encoder, workspace / "recordings"), abs=1e-5)


def test_encoders_of_a_run_stand_side_by_side(run: Callable[..., Any], workspace: Path, tmp_path: Path) -> None:
    first = workspace / "checkpoints/my-run"
    several = Path(shutil.copytree(first, tmp_path / "several"))
    shutil.copytree(several / "test_resnet", several / "another")
    assert run("--from", several, workspace / "recordings", "--embeddings", tmp_path / "a.npy").code == 0
    alone = emoclr.embed(first, workspace / "recordings")
    assert read(tmp_path / "a.npy")[0] == pytest.approx(np.hstack([alone, alone]), abs=1e-5)


def test_what_stands_in_the_way_is_refused(
    run: Callable[..., Any], emotions: Path, recordings: Path, tmp_path: Path
) -> None:
    (tmp_path / "there.npz").write_bytes(b"mine")
    (tmp_path / "a.index.csv").write_bytes(b"mine")
    for words in (
        ["--embeddings", tmp_path / "there.npz"],
        ["--embeddings", tmp_path / "a.npy"],
        ["--embeddings", tmp_path / "a.csv"],
        ["--embeddings", tmp_path / "b.npz", "--out", tmp_path / "b.csv"],
        ["--embeddings", tmp_path / "b.npz", "--speaker", "folder"],
    ):
        ran = run("--from", emotions, recordings, *words)
        assert ran.code == 2 and "embeddings" in ran.told and "Traceback" not in ran.told
    assert {path.name for path in tmp_path.iterdir()} == {"there.npz", "a.index.csv"}
    assert (tmp_path / "there.npz").read_bytes() == b"mine"


def test_without_a_recording_that_can_be_read_nothing_is_written(
    run: Callable[..., Any], emotions: Path, recordings: Path, tmp_path: Path
) -> None:
    ran = run("--from", emotions, recordings / "broken.mp3", "--embeddings", tmp_path / "a.parquet")
    assert ran.code == 1 and "broken.mp3" in ran.told
    assert [path.name for path in tmp_path.iterdir()] == ["a.errors.csv"]


@pytest.mark.parametrize("words", [(), ("--timeline",)])
@pytest.mark.parametrize("ending", ["parquet", "npz", "npy"])
def test_stopped_after_every_batch_it_goes_on_to_the_same_bytes(
    run: Callable[..., Any],
    emotions: Path,
    recordings: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    ending: str,
    words: tuple[str, ...],
) -> None:
    whole = embedding.stream_windows
    answered = 0
    allowed = float("inf")

    def some(*arguments: Any, **options: Any) -> Any:
        nonlocal answered
        for number, batch in enumerate(whole(*arguments, **options)):
            if number == allowed:
                raise KeyboardInterrupt
            answered += 1
            yield batch

    monkeypatch.setattr(embedding, "stream_windows", some)
    command = ("--from", emotions, recordings, *words, "--embeddings")
    assert run(*command, tmp_path / f"whole.{ending}").code == 0
    batches, answered, allowed = answered, 0, 1
    out = tmp_path / f"out.{ending}"
    for _ in range(batches - 1):
        ran = run(*command, out)
        assert ran.code == 130 and "out." in ran.told and not out.exists()
        with part_path(out).open("ab") as rows:  # what a kill leaves: rows that were not saved
            rows.write(b"half a row")
    allowed = float("inf")
    ran = run(*command, out)
    assert ran.code == 0 and "going on after" in ran.told and answered == batches > 4
    for name in (f"{{}}.{ending}", "{}.errors.csv", *(["{}.index.csv"] if ending == "npy" else [])):
        assert (tmp_path / name.format("out")).read_bytes() == (tmp_path / name.format("whole")).read_bytes()
    assert len([*tmp_path.iterdir()]) == (6 if ending == "npy" else 4)


def test_rows_of_other_work_and_files_of_others_are_left_alone(
    run: Callable[..., Any], emotions: Path, recordings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = embedding.stream_windows

    def stopped(*arguments: Any, **options: Any) -> Any:
        yield next(whole(*arguments, **options))
        raise KeyboardInterrupt

    monkeypatch.setattr(embedding, "stream_windows", stopped)
    out = tmp_path / "a.npz"
    command = ("--from", emotions, recordings, "--embeddings", out)
    assert run(*command).code == 130
    before = {path: path.read_bytes() for path in (part_path(out), state_path(out))}
    ran = run(*command, "--timeline")
    assert ran.code == 2 and "--timeline differ" in ran.told and "a.npz.part" in ran.told
    assert before == {path: path.read_bytes() for path in tmp_path.iterdir()}
    part_path(out).unlink()  # as the message says
    monkeypatch.setattr(embedding, "stream_windows", whole)
    ran = run(*command, "--timeline")
    assert ran.code == 0 and "going on" not in ran.told and not part_path(out).exists()
    for mine in (part_path, state_path):
        other = tmp_path / "b.npz"
        mine(other).write_bytes(b"mine")
        ran = run(*command[:-1], other)
        assert ran.code == 2 and mine(other).name in ran.told and mine(other).read_bytes() == b"mine"
        mine(other).unlink()
        assert not [path for path in tmp_path.iterdir() if path.name.startswith("b.")]


def test_a_recording_is_the_mean_over_windows_with_a_voice(
    run: Callable[..., Any], emotions: Path, tmp_path: Path
) -> None:
    rng = np.random.default_rng(0)
    voice = draw_voice("female", rng)
    said = speak(voice, express("anger", voice, rng), 2.0, rng)
    quiet = 1e-4 * rng.standard_normal(3 * RATE)
    sounds = (np.concatenate([quiet, said, quiet]), 0.05 * rng.standard_normal(2 * RATE))
    call, noise = (np.round(sound * 32_768).clip(-32_768, 32_767).astype(np.float32) / 32_768 for sound in sounds)
    for name, waveform in (("call", call), ("noise", noise)):
        sf.write(tmp_path / f"{name}.wav", waveform, RATE, subtype="FLOAT")
    loaded = emoclr.load_ensemble(emotions)
    frame = loaded.predict(call, RATE, timeline=True)
    windows = loaded.embed(call, RATE, timeline=True)
    with_voice = (frame["voice"] >= 0.1).to_numpy()
    assert 0 < with_voice.sum() < len(windows) == len(frame)
    expected = [windows[with_voice].mean(axis=0), loaded.embed(noise, RATE, timeline=True).mean(axis=0)]
    assert loaded.embed([call, noise], RATE) == pytest.approx(np.stack(expected), abs=1e-5)
    assert loaded.embed(call, RATE, gate="none")[0] == pytest.approx(windows.mean(axis=0), abs=1e-5)
    files = [tmp_path / "call.wav", tmp_path / "noise.wav"]
    assert run("--from", emotions, *files, "--embeddings", tmp_path / "a.parquet").code == 0
    found = pd.read_parquet(tmp_path / "a.parquet")
    assert np.stack(found["embedding"].tolist()) == pytest.approx(np.stack(expected), abs=1e-5)
    shares = loaded.predict(files)["voice"].tolist()
    assert found["voice"].tolist() == pytest.approx(shares, abs=1e-6) and shares[0] < 0.5 and shares[1] == 0
    assert "nobody speaks" in (tmp_path / "a.errors.csv").read_text()
    assert run("--from", emotions, *files, "--embeddings", tmp_path / "b.npz", "--gate", "none").code == 0
    with np.load(tmp_path / "b.npz") as arrays:
        assert arrays["voice"].tolist() == [1.0, 1.0]
        assert arrays["embeddings"][0] == pytest.approx(windows.mean(axis=0), abs=1e-5)
