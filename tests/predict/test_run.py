"""What is answered is what the members say of the windows, and nothing is lost on the way."""

import shutil
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from safetensors.torch import load_file
from scipy.special import expit, logit

from emoclr.configs.errors import ConfigError
from emoclr.corpus.audio.decoder import read_waveform
from emoclr.corpus.labels.labels_csv import read_labels
from emoclr.finetune.model.checkpoint import EnsembleCard, load_ensemble, load_model
from emoclr.finetune.model.emotion_model import Ensemble
from emoclr.finetune.training.member import ANSWERS
from emoclr.predict import run
from emoclr.predict.stream.rows import PredictionRow, RowKind, named
from emoclr.pretrain.encoder.windows import window_starts

WINDOW, HOP = 8_000, 4_800
predict = partial(run.predict, gate=False)  # noise is no voice
Loaded = tuple[Ensemble, EnsembleCard]


@pytest.fixture(scope="module")
def loaded(emotions: Path) -> Loaded:
    return load_ensemble(emotions)


@pytest.fixture(scope="module")
def by_file(loaded: Loaded, recordings: Path) -> dict[str, PredictionRow]:
    return {row.path.name: row for row in predict(*loaded, [recordings]).rows}


@pytest.fixture(scope="module")
def by_window(loaded: Loaded, recordings: Path) -> dict[str, list[PredictionRow]]:
    found: dict[str, list[PredictionRow]] = {}
    for row in predict(*loaded, [recordings], kind="window").rows:
        found.setdefault(row.path.name, []).append(row)
    return found


def of_members(emotions: Path, path: Path) -> list[tuple[np.ndarray, np.ndarray]]:
    """Returns each member's logits (windows, emotions) of a recording and its temperatures, found one by one."""
    waveform = read_waveform(path)
    starts = window_starts(len(waveform), WINDOW, HOP)
    crops = [waveform[start : start + WINDOW] for start in starts]
    windows = [torch.from_numpy(np.pad(crop, (0, WINDOW - len(crop)))) for crop in crops]
    found = []
    for backbone in ("test_efficientnet", "test_resnet"):
        model, card = load_model(emotions / backbone)
        with torch.inference_mode():
            logits = [model(window[None])[0].double().numpy() for window in windows]
        found.append((np.stack(logits), np.array(card.temperatures)))
    return found


@pytest.mark.parametrize(
    ("windows", "join"),
    [("max", lambda logits: logits.max(0)), ("noisy_or", lambda logits: logit(1 - np.prod(1 - expit(logits), axis=0)))],
)
def test_windows_are_joined_as_the_card_says(loaded, emotions: Path, recordings: Path, windows, join) -> None:
    ensemble, card = loaded
    path = recordings / "long.wav"
    alone = [expit(join(logits) / heat) for logits, heat in of_members(emotions, path)]
    (row,) = predict(ensemble, card.model_copy(update={"windows": windows}), [path]).rows
    assert row.probabilities == pytest.approx(np.mean(alone, axis=0), abs=1e-4)


@pytest.mark.parametrize("windows", ["mean", "noisy_or"])
def test_the_report_scores_what_predict_answers(train, windows) -> None:
    folder = train(["test_resnet"], single_label=False, windows=windows)
    table = read_labels(folder.parent / "labels.csv")
    files = [table.paths[row] for row in table.rows_of("test")]
    rows = {row.path: row.probabilities for row in predict(*load_ensemble(folder), files).rows}
    scored = load_file(folder / "test_resnet" / ANSWERS)["test"].numpy()
    assert scored == pytest.approx(np.stack([rows[path] for path in files]), abs=1e-4)


@pytest.mark.parametrize("name", ["short.wav", "exact.wav", "long.wav", "below/middle, loud.flac"])
def test_a_files_probability_is_that_of_the_mean_logits_of_its_windows(
    emotions: Path, recordings: Path, by_file: dict[str, PredictionRow], name: str
) -> None:
    alone = [expit(logits.mean(0) / heat) for logits, heat in of_members(emotions, recordings / name)]
    assert by_file[Path(name).name].probabilities == pytest.approx(np.mean(alone, axis=0), abs=1e-4)


def test_a_windows_probability_is_that_of_its_own_logits(
    emotions: Path, recordings: Path, by_window: dict[str, list[PredictionRow]]
) -> None:
    alone = [expit(logits / heat) for logits, heat in of_members(emotions, recordings / "long.wav")]
    found = np.stack([row.probabilities for row in by_window["long.wav"]])
    assert found == pytest.approx(np.mean(alone, axis=0), abs=1e-4)
    assert np.ptp(found, axis=0).max() > 0.1  # its halves differ


def test_a_weighted_ensemble_answers_by_its_weights(emotions: Path, recordings: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(emotions, tmp_path / "emotions"))
    content = yaml.safe_load((copy / "ensemble.yaml").read_text())
    (copy / "ensemble.yaml").write_text(yaml.safe_dump({**content, "how": "weighted", "weights": [0.9, 0.1]}))
    first, second = (expit(logits.mean(0) / heat) for logits, heat in of_members(emotions, recordings / "long.wav"))
    (row,) = predict(*load_ensemble(copy), [recordings / "long.wav"]).rows
    assert row.probabilities == pytest.approx(0.9 * first + 0.1 * second, abs=1e-4)
    assert np.abs(first - second).max() > 0.01


def test_one_backbones_folder_answers_alone(emotions: Path, recordings: Path) -> None:
    (row,) = predict(*load_ensemble(emotions / "test_resnet"), [recordings / "long.wav"]).rows
    logits, temperatures = of_members(emotions, recordings / "long.wav")[1]
    assert row.probabilities == pytest.approx(expit(logits.mean(0) / temperatures), abs=1e-4)


def test_an_answer_does_not_depend_on_what_else_is_asked(
    loaded: Loaded, recordings: Path, by_file: dict[str, PredictionRow]
) -> None:
    (alone,) = predict(*loaded, [recordings / "short.wav"]).rows
    assert alone.probabilities == pytest.approx(by_file["short.wav"].probabilities, abs=1e-5)


def test_a_file_is_answered_from_its_start_to_its_end(by_file: dict[str, PredictionRow]) -> None:
    ends = {name: (row.start_s, row.end_s) for name, row in by_file.items()}
    assert ends == {
        "short.wav": (0.0, 0.3),
        "exact.wav": (0.0, 0.5),
        "long.wav": (0.0, 2.13),
        "middle, loud.flac": (0.0, 0.9),
    }


def test_windows_lie_on_one_grid_and_the_last_ends_with_the_file(by_window: dict[str, list[PredictionRow]]) -> None:
    starts = {name: [window.start_s for window in windows] for name, windows in by_window.items()}
    assert starts["long.wav"] == pytest.approx([0.0, 0.3, 0.6, 0.9, 1.2, 1.5, 1.63])
    assert starts["middle, loud.flac"] == pytest.approx([0.0, 0.3, 0.4])
    assert all(window.end_s - window.start_s == pytest.approx(0.5) for window in by_window["long.wav"])


def test_the_window_of_a_short_file_ends_where_the_file_does(by_window: dict[str, list[PredictionRow]]) -> None:
    assert [(window.start_s, window.end_s) for window in by_window["short.wav"]] == [(0.0, 0.3)]
    assert [(window.start_s, window.end_s) for window in by_window["exact.wav"]] == [(0.0, 0.5)]


def test_answers_come_in_the_order_of_the_files(loaded: Loaded, recordings: Path) -> None:
    found = predict(*loaded, [recordings / "short.wav", recordings], kind="window")
    paths = list(dict.fromkeys(row.path for row in found.rows))
    assert paths == sorted(paths) and len(paths) == 4
    starts = [row.start_s for row in found.rows if row.path.name == "long.wav"]
    assert starts == sorted(starts)


def test_what_cannot_be_read_is_told_by_the_name_it_was_given_by(
    loaded: Loaded, recordings: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(recordings.parent)
    found = predict(*loaded, [Path(recordings.name)])
    (failure,) = found.failures
    assert failure.path == Path(recordings.name, "broken.mp3") and failure.reason
    assert found.rows[0].path == Path(recordings.name, "below/middle, loud.flac")


def test_where_nothing_can_be_read_there_are_failures_and_no_answers(
    loaded: Loaded, recordings: Path, tmp_path: Path
) -> None:
    (tmp_path / "also.wav").write_bytes(b"")
    found = predict(*loaded, [recordings / "broken.mp3", tmp_path])
    assert found.rows == []
    assert {failure.path for failure in found.failures} == {recordings / "broken.mp3", tmp_path / "also.wav"}
    assert found.emotions == ["anger", "sadness"]


def test_sources_that_hold_nothing_are_refused(loaded: Loaded, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no recordings in"):
        predict(*loaded, [tmp_path])
    with pytest.raises(ConfigError, match="nowhere: no such file or folder"):
        predict(*loaded, [tmp_path / "nowhere"])


def test_nothing_is_left_of_what_was_decoded(
    loaded: Loaded, recordings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setenv("EMOCLR_CACHE", str(tmp_path / "cache"))
    predict(*loaded, [recordings / "short.wav"])
    assert list(tmp_path.iterdir()) == []


def card_of(single_label: bool) -> EnsembleCard:
    names = ["anger", "fear", "joy"]
    windows = {"window_s": 0.5, "hop_s": 0.5}
    return EnsembleCard(members=["a"], emotions=names, single_label=single_label, thresholds=[0.5, 0.2, 0.9], **windows)


@pytest.mark.parametrize(
    ("probabilities", "several", "one"),
    [
        ([0.6, 0.3, 0.95], ["anger", "fear", "joy"], ["joy"]),
        ([0.49, 0.19, 0.89], [], ["joy"]),
        ([0.5, 0.2, 0.1], ["anger", "fear"], ["anger"]),
        ([0.1, 0.25, 0.1], ["fear"], ["fear"]),
    ],
)
def test_named_are_those_over_their_threshold_or_the_likeliest_one(
    probabilities: list[float], several: list[str], one: list[str]
) -> None:
    assert named(np.array(probabilities), card_of(single_label=False)) == several
    assert named(np.array(probabilities), card_of(single_label=True)) == one


@pytest.mark.parametrize("below", ["", "test_resnet"])
@pytest.mark.parametrize("kind", ["window", "recording"])
def test_trained_on_one_label_a_clip_it_names_exactly_one(
    one_emotion: Path, recordings: Path, below: str, kind: RowKind
) -> None:
    found = predict(*load_ensemble(one_emotion / below), [recordings], kind=kind)
    assert len(found.rows) >= 4
    for row in found.rows:
        assert row.emotions == [found.emotions[int(row.probabilities.argmax())]]
