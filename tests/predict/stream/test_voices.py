"""Recordings that are heard against the others of their speaker: against numpy, and to the same bytes after a kill."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import soundfile as sf
from scipy.special import expit

from emoclr.configs.errors import ConfigError
from emoclr.corpus.labels.tables.text_table import LabelsError
from emoclr.finetune.model.checkpoint import EnsembleCard, load_ensemble
from emoclr.finetune.model.emotion_model import Ensemble
from emoclr.predict.output.kept_windows import KeptWindows
from emoclr.predict.output.out_path import part_path, state_path
from emoclr.predict.output.tables import Columns, write_rows
from emoclr.predict.output.unfinished import UnfinishedTable, work_of
from emoclr.predict.run import predict_files
from emoclr.predict.stream.rows import Over, PredictionRow, RowKind, RowMaker, Window, item_lines
from emoclr.predict.stream.voices import Voices, find_speakers

pytestmark = pytest.mark.usefixtures("small_batches")

Loaded = tuple[Ensemble, EnsembleCard]
RATE = 16_000
LENGTHS = (0.5, 2.1, 2.2, 1.0, 1.1, 2.0)
SPEAKERS = ["anna", "anna", "anna", "ben", "", "anna"]


@pytest.fixture(scope="module")
def loaded(emotions: Path) -> Loaded:
    ensemble, card = load_ensemble(emotions)
    ensemble.temperatures *= 20  # of such voices it is as good as certain, and four digits would tell nothing
    return ensemble, card


@pytest.fixture(scope="module")
def calls(write_noise: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Three recordings of Anna of 1 to 7 windows, one of Ben of 3, one of nobody, and a silent one of Anna."""
    folder = tmp_path_factory.mktemp("calls")
    paths = [write_noise(folder / f"{n}.wav", s, n % 2 == 0, n < 2, n) for n, s in enumerate(LENGTHS[:5])]
    sf.write(folder / "5.wav", np.zeros(2 * RATE), RATE)
    return [*paths, folder / "5.wav"]


@pytest.fixture
def go_on(loaded: Loaded, calls: list[Path]) -> Callable[..., tuple[int, list[str]]]:
    """Returns go_on(out, batches, kind, speakers) -> batches that were done, and what is told at the end."""

    def run(
        out: Path, batches: float = float("inf"), kind: RowKind = "recording", speakers: list[str] | None = SPEAKERS
    ) -> tuple[int, list[str]]:
        ensemble, card = loaded
        voices = Voices(ensemble, card, calls, speakers) if speakers else None
        done = 0
        columns, work = Columns(card.emotions, kind), {"--speaker": str(speakers)}

        def write() -> None:
            silent = {remark.path for remark in table.remarks if remark.status == "silent"}
            kept = KeptWindows(table.lines, ensemble, card, calls, voices, silent)
            write_rows(kept.rows(kind), columns, out)
            table.spoken = kept.spoken

        with UnfinishedTable(out, columns, work, keeps_windows=voices is not None) as table:
            for found in predict_files(ensemble, card, calls, kind=kind, gate=False, begin=table.place):
                if done == batches:
                    return done, []
                table.add(found)
                done += 1
            table.finish(write if voices else None)
        assert table.recordings == len(calls) and table.spoken.duration_s == pytest.approx(sum(LENGTHS))
        return done, list(voices.told()) if voices else []

    return run


def test_rows_are_those_of_logits_moved_to_the_mean_of_others(
    loaded: Loaded, calls: list[Path], go_on: Callable[..., tuple[int, list[str]]], tmp_path: Path
) -> None:
    ensemble, card = loaded
    windows: dict[int, list[Window]] = {number: [] for number in range(len(calls))}
    for found in predict_files(ensemble, card, calls, gate=False):
        for item in found.items:
            if isinstance(item, Window):
                windows[item.recording].append(item)
    logits = {number: np.array([one.logits for one in of_one]) for number, of_one in windows.items()}
    anna = np.concatenate([logits[number] for number in (0, 1, 2)])  # the silent one says nothing of her
    means = np.array(ensemble.mean_logits)
    assert len(anna) >= 15 and len(logits[3]) < 10
    shift = means - (anna.sum(0) + 10 * means) / (len(anna) + 10)
    assert np.abs(shift).max() > 1e-3

    out, timeline, plain = (tmp_path / name for name in ("out.csv", "timeline.csv", "plain.csv"))
    _, told = go_on(out)
    go_on(timeline, kind="window")
    go_on(plain, speakers=None)
    rows, of_windows = pd.read_csv(out), pd.read_csv(timeline)
    for number, path in enumerate(calls):
        moved = logits[number] + (shift if SPEAKERS[number] == "anna" else 0.0)
        expected = expit(moved.mean(0).reshape(2, 2) / ensemble.temperatures).mean(0)
        assert rows.loc[number, card.emotions].to_numpy(float) == pytest.approx(expected, abs=6e-5)
        of_one = of_windows[of_windows["path"] == str(path)]
        expected = expit(moved.reshape(-1, 2, 2) / ensemble.temperatures).mean(1)
        assert of_one[card.emotions].to_numpy(float) == pytest.approx(expected, abs=6e-5)
    same = (rows == pd.read_csv(plain))[card.emotions].all(axis=1)
    assert same.tolist()[:5] == [False, False, False, True, True]
    assert told == [
        "1 of 2 speakers with fewer than 10 windows heard as if not known: ben (3)",
        "1 recording without a speaker heard as without --speaker",
    ]


@pytest.mark.parametrize("kind", ["recording", "window", "segment"])
@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet"])
def test_it_goes_on_from_every_batch_to_the_same_bytes(
    go_on: Callable[..., tuple[int, list[str]]], tmp_path: Path, form: str, kind: RowKind
) -> None:
    whole, out = tmp_path / f"whole.{form}", tmp_path / f"out.{form}"
    batches, _ = go_on(whole, kind=kind)
    assert batches >= 5
    for _ in range(batches - 1):
        assert go_on(out, batches=1, kind=kind) == (1, []) and not out.exists()
        with part_path(out).open("ab") as rows, state_path(out).open("ab") as state:
            rows.write(b"[half a r")
            state.write(b'{"bytes": 9')
    assert go_on(out, kind=kind)[0] == 1
    assert out.read_bytes() == whole.read_bytes()


def test_other_speakers_are_other_work(
    go_on: Callable[..., tuple[int, list[str]]], loaded: Loaded, emotions: Path, calls: list[Path], tmp_path: Path
) -> None:
    out = tmp_path / "out.csv"
    go_on(out, batches=2)
    for speakers in (None, SPEAKERS[::-1]):
        with pytest.raises(ConfigError, match="--speaker differ"):
            go_on(out, speakers=speakers)
    works = [
        work_of(emotions, loaded[1], calls, options={}, device="cpu", speakers=speakers)
        for speakers in (None, ["a", "b"], ["a", "c"])
    ]
    assert len({json.dumps(work) for work in works}) == 3


def test_windows_are_read_as_they_were_written(loaded: Loaded, calls: list[Path]) -> None:
    """The longest voice in a hundred recordings is known to the last bit: rows do not depend on where it went on."""
    ensemble, card = loaded
    logits = np.random.default_rng(0).normal(size=(100, 4)) * 10.0 ** np.arange(-8, 8, 4)
    windows = [Window(0, 0.1 * n, 0.1 * n + 0.5, [(0.1 * n, 0.1 * n + 0.5)], row) for n, row in enumerate(logits)]
    lines = item_lines([*windows, Over(0, 10.4)]).encode().splitlines()
    voices = Voices(ensemble, card, calls, ["anna"] * len(calls))
    rows = RowMaker(ensemble, card, calls, "window").rows(list(voices.moved(lambda: lines, set())))
    assert voices.windows == {"anna": 100}
    shift = 100 / 110 * (np.array(ensemble.mean_logits) - logits.mean(0))
    expected = ensemble.probabilities(logits + shift)
    assert np.array([row.probabilities for row in rows if isinstance(row, PredictionRow)]) == pytest.approx(
        expected, abs=1e-12
    )


def test_speakers_are_a_column_of_a_table_or_folders(calls: list[Path], tmp_path: Path) -> None:
    table = tmp_path / "calls.csv"
    rows = [f"{path},{speaker},train" for path, speaker in zip(calls, SPEAKERS, strict=True)]
    table.write_text("\n".join(["file,caller,split", *rows, f"{calls[0]},anna,test"]))
    assert find_speakers([table], "caller") == (calls, SPEAKERS)
    assert find_speakers([calls[0].parent], "folder") == (calls, [str(calls[0].parent)] * len(calls))
    with pytest.raises(ConfigError, match=r"--speaker caller: .* table .*--speaker folder"):
        find_speakers([calls[0].parent], "caller")
    with pytest.raises(ConfigError, match="--speaker '': "):
        find_speakers([calls[0].parent], "")
    with pytest.raises(ConfigError, match="one table"):
        find_speakers([table, calls[0]], "caller")
    with pytest.raises(LabelsError, match="has no column 'who'"):
        find_speakers([table], "who")
    table.write_text(f"file,caller\n{calls[0]},anna\n{calls[0]},ben\n")
    with pytest.raises(LabelsError, match=r"0\.wav is of anna and of ben"):
        find_speakers([table], "caller")


def test_an_ensemble_of_before_is_refused(loaded: Loaded, calls: list[Path]) -> None:
    ensemble, card = loaded
    before = Ensemble(list(ensemble.members), ensemble.temperatures, ensemble.thresholds, "mean")
    with pytest.raises(ConfigError, match=r"mean_logits.*fine-tune it anew"):
        Voices(before, card, calls, SPEAKERS)


def test_the_command_hears_folders_as_speakers(
    run: Callable[..., Any], emotions: Path, calls: list[Path], tmp_path: Path
) -> None:
    words = ("--from", emotions, calls[0].parent, "--speaker", "folder", "--gate", "none")
    into_file = run(*words, "--out", tmp_path / "out.csv")
    onto_screen = run(*words, "--out", "-")
    assert into_file.code == onto_screen.code == 0
    assert into_file.told.count("all of one mood") == 1
    assert (tmp_path / "out.csv").read_text() in onto_screen.told


def test_an_empty_speaker_is_refused(run: Callable[..., Any], emotions: Path, calls: list[Path]) -> None:
    """As of a shell's variable that is not set: without a word the speakers would be heard as if not known."""
    found = run("--from", emotions, calls[0].parent, "--speaker", "")
    assert found.code == 2 and "--speaker '': is a column" in found.told
