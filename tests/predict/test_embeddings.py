"""`predict --embeddings`: a file of embeddings of whole folders, with what each row is of."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import emoclr
from emoclr.configs.errors import EmoclrError
from emoclr.predict.cli import main


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
        return np.stack(frame["embedding"].tolist()), frame[["path", "start_s", "end_s"]]
    if out.suffix == ".npz":
        found = np.load(out)
        return found["embeddings"], pd.DataFrame({name: found[name] for name in ("path", "start_s", "end_s")})
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


@pytest.mark.parametrize("ending", ["parquet", "npz", "npy"])
def test_a_stop_leaves_no_half_file(
    run: Callable[..., Any],
    emotions: Path,
    recordings: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    ending: str,
) -> None:
    import emoclr.pretrain.encoder.recordings as module

    whole = module.stream_windows

    def breaks(*arguments: Any, **options: Any) -> Any:
        yield next(whole(*arguments, **options))
        raise EmoclrError("stopped here")

    monkeypatch.setattr(module, "stream_windows", breaks)
    assert run("--from", emotions, recordings, "--timeline", "--embeddings", tmp_path / f"a.{ending}").code == 1
    assert list(tmp_path.iterdir()) == []
