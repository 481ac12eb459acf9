"""An ensemble that a notebook or a service holds: tables and embeddings, also by several threads, and of audformat."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import audformat
import numpy as np
import pandas as pd
import pytest
import soundfile as sf

import emoclr
import emoclr.corpus.decoded.decode_stream
from emoclr.configs.errors import ConfigError, EmoclrError
from emoclr.corpus.audio.decoder import read_waveform
from emoclr.corpus.parallel.processes import stream_in_processes
from emoclr.finetune import Ensemble, EnsembleCard
from emoclr.predict.loaded_ensemble import LoadedEnsemble

RATE = 16_000


@pytest.fixture(autouse=True)
def in_this_process(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Recordings are decoded here, which spares the start of processes; not so where threads ask for them."""
    if "threads" not in request.node.name:
        here = partial(stream_in_processes, workers=1)
        monkeypatch.setattr(emoclr.corpus.decoded.decode_stream, "stream_in_processes", here)


@pytest.fixture(scope="module")
def emotions(workspace: Path) -> LoadedEnsemble:
    return emoclr.load_ensemble(workspace / "checkpoints/my-emotions")


@pytest.fixture(scope="module")
def files(workspace: Path) -> list[str]:
    return [str(path) for path in sorted((workspace / "recordings").iterdir())[:4]]


def test_it_is_the_ensemble_and_its_card_and_predicts_what_the_function_does(
    emotions: LoadedEnsemble, files: list[str]
) -> None:
    ensemble, card = emotions
    assert isinstance(ensemble, Ensemble) and isinstance(card, EnsembleCard)
    for timeline in (False, True):
        expected = emoclr.predict((ensemble, card), files, timeline=timeline)
        pd.testing.assert_frame_equal(emotions.predict(files, timeline=timeline), expected)


def test_channels_are_heard_alone(emotions: LoadedEnsemble, tmp_path: Path) -> None:
    sides = 0.1 * np.random.default_rng(0).normal(size=(3 * RATE, 2)).clip(-3, 3)
    sf.write(tmp_path / "call.wav", sides, RATE)
    for channel in (1, 2):
        sf.write(tmp_path / f"{channel}.wav", sides[:, channel - 1], RATE)
    for options in ({}, {"timeline": True}):
        found = emotions.predict(tmp_path / "call.wav", channels="separate", gate="none", **options)
        alone = emotions.predict([tmp_path / "1.wav", tmp_path / "2.wav"], gate="none", **options)
        assert list(found.columns) == [*alone.columns[:3], "channel", *alone.columns[3:]]
        assert found["channel"].tolist() == [int(Path(path).stem) for path in alone["path"]]
        pd.testing.assert_frame_equal(found.drop(columns=["path", "channel"]), alone.drop(columns="path"))
    with pytest.raises(ConfigError, match="separate"):
        emotions.predict(sides[:, 0], RATE, channels="separate")


def test_its_embeddings_are_those_of_its_encoders_side_by_side(emotions: LoadedEnsemble, files: list[str]) -> None:
    card = emotions.card
    ours = emotions.embed(files[0], timeline=True)
    alone = [
        emoclr.embed(member.encoder, files[0], window_s=card.window_s, hop_s=card.hop_s, timeline=True)
        for member in emotions.ensemble.members
    ]
    assert ours.dtype == np.float32 and len(ours) > 1
    assert ours == pytest.approx(np.concatenate(alone, axis=1), abs=1e-5)
    assert emotions.embed(files[0])[0] == pytest.approx(ours.mean(axis=0), abs=1e-5)


@pytest.mark.parametrize("timeline", [False, True])
def test_rows_join_tables_of_audformat(emotions: LoadedEnsemble, files: list[str], timeline: bool) -> None:
    plain = emotions.predict(files, timeline=timeline)
    expected = audformat.segmented_index(
        plain["path"].tolist(), *(pd.to_timedelta(plain[name], unit="s").tolist() for name in ("start_s", "end_s"))
    )
    for frame in (
        emotions.predict(files, timeline=timeline, segmented_index=True),
        emotions.embed(files, timeline=timeline, segmented_index=True),
    ):
        audformat.assert_index(frame.index)
        pd.testing.assert_index_equal(frame.index, expected)
    features = emotions.embed(files, timeline=timeline, segmented_index=True)
    assert features.to_numpy() == pytest.approx(emotions.embed(files, timeline=timeline), abs=1e-6)
    ratings = pd.Series(range(len(expected)), index=expected[::-1], name="rating")
    assert audformat.utils.concat([features, ratings])["rating"].tolist() == [*range(len(expected))][::-1]


def test_of_arrays_the_index_is_their_position(emotions: LoadedEnsemble, files: list[str]) -> None:
    frame = emotions.embed([read_waveform(Path(path)) for path in files], RATE, segmented_index=True)
    audformat.assert_index(frame.index)
    assert [name for name, _, _ in frame.index] == ["0", "1", "2", "3"]


def test_a_broken_file_has_no_row_in_a_table_of_embeddings(
    emotions: LoadedEnsemble, files: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = tmp_path / "broken.mp3"
    broken.write_bytes(b"no recording")
    frame = emotions.embed([files[0], broken, files[1]], segmented_index=True)
    assert [name for name, _, _ in frame.index] == files[:2]
    assert "broken.mp3" in capsys.readouterr().err
    for options in ({}, {"timeline": True}):
        with pytest.raises(EmoclrError, match=r"broken\.mp3"):
            emotions.embed([files[0], broken], **options)
    with pytest.raises(EmoclrError, match=r"broken\.mp3"):
        emotions.embed(broken, segmented_index=True)


def test_threads_ask_it_at_once(emotions: LoadedEnsemble, files: list[str]) -> None:
    generator = np.random.default_rng(0)
    arrays = [0.1 * generator.normal(size=RATE * (1 + thread)) for thread in range(3)]
    tasks: list[Callable[[], Any]] = [
        *(lambda array=array: emotions.predict(array, RATE, timeline=True, gate="none") for array in arrays),
        *(lambda array=array: pd.DataFrame(emotions.embed(array, RATE, timeline=True)) for array in arrays),
        lambda: emotions.predict(files[0], gate="none"),
        lambda: emotions.predict(files[:2], segments=True),
    ]
    alone = [task() for task in tasks]
    with ThreadPoolExecutor(len(tasks)) as threads:
        together = list(threads.map(lambda task: task(), [*tasks, *reversed(tasks)]))
    for expected, found in zip([*alone, *reversed(alone)], together, strict=True):
        pd.testing.assert_frame_equal(found, expected)
