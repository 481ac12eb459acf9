"""Robustness of probes: the same clips under conditions, by the same fits, and the drop from the clips as recorded."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from emoclr.augment.robustness import CONDITIONS, Condition
from emoclr.corpus.decoded.waveforms import Waveforms
from emoclr.corpus.labels.division import divide
from emoclr.corpus.labels.label_table import LabelTable
from emoclr.evaluate.metrics.intervals import Measure
from emoclr.evaluate.report.formatting import json_measure
from emoclr.evaluate.report.report import Report
from emoclr.evaluate.scores import CHANCE, Prediction, Truth
from emoclr.evaluate.studies.robustness import robustness_section
from emoclr.pretrain.encoder.checkpoint import save_encoder
from emoclr.pretrain.encoder.encoder import Encoder, EncoderSettings, Normalisation
from emoclr.probe.cli import main
from emoclr.probe.features.features import Features
from emoclr.probe.fitting import fit_probes, models_to_compare, predictions_of
from emoclr.probe.protocol import truth_of
from emoclr.probe.studies.robustness import robustness_of_probes

EACH, SPEAKERS = 8, 6
AS_RECORDED = Condition("same", "the same", "nothing is done", lambda waveform, seed: waveform)
SILENCED = Condition("silence", "silence", "all sound is taken away", lambda waveform, seed: 0 * waveform)
MEASURES = ("value", "ci95")


class Loud:
    """One clip a row of the table: noise as loud as its first share."""

    def __init__(self, shares: NDArray[np.float64]) -> None:
        generator = np.random.default_rng(0)
        levels = 0.02 + 0.2 * shares + 0.01 * generator.random(len(shares))
        self.clips: list[NDArray[np.float32]] = [
            np.asarray(level * generator.standard_normal(400), dtype=np.float32) for level in levels
        ]

    @property
    def samples(self) -> NDArray[np.int64]:
        return np.array([len(clip) for clip in self.clips])

    def __len__(self) -> int:
        return len(self.clips)

    def waveform(self, clip: int) -> NDArray[np.float32]:
        return self.clips[clip]

    def crop(self, clip: int, start_sample: int, n_samples: int) -> NDArray[np.float32]:
        return self.clips[clip][start_sample : start_sample + n_samples]


def loudness(store: Waveforms) -> NDArray[np.float32]:
    return np.array([[np.sqrt(np.mean(store.waveform(clip) ** 2))] for clip in range(len(store))], dtype=np.float32)


def zero_crossings(store: Waveforms) -> NDArray[np.float32]:
    return np.array([[np.diff(np.sign(store.waveform(clip))).any()] for clip in range(len(store))], dtype=np.float32)


FEATURES = [Features("loudness", loudness, trained=True), Features("crossings", zero_crossings)]
Sections = Callable[[list[Condition], int | None], dict[str, Any]]


@pytest.fixture
def data_of(make_table: Callable[..., LabelTable], monkeypatch: pytest.MonkeyPatch) -> Sections:
    """Returns data_of(conditions, folds) -> what report.json says of a probe of loudness under them."""

    def run(conditions: list[Condition], folds: int | None) -> dict[str, Any]:
        monkeypatch.setattr("emoclr.probe.studies.robustness.CONDITIONS", tuple(conditions))
        loud = np.random.default_rng(1).random(EACH * SPEAKERS)
        shares = np.stack([loud, 1 - loud], axis=1)
        speakers = [f"s{clip // EACH}" for clip in range(len(shares))]
        splits = ["test" if clip // EACH < 3 else "train" for clip in range(len(shares))]
        table = make_table(shares, speakers, splits)
        # The store holds a clip more than the table has rows: numbers of clips are not numbers of rows.
        store = Loud(np.concatenate([[0.5], shares[:, 0]]))
        rows = np.arange(1, len(store))
        division = divide(table, folds, 0)
        matrices = {described.name: described.describe(store)[rows] for described in FEATURES}
        fits = fit_probes(matrices, table, division, 0.5)
        scored = [{name: matrix[test] for name, matrix in matrices.items()} for _, test in division.folds]
        models, baselines = predictions_of(FEATURES, fits, scored, table, division)
        truth = truth_of(table, division, 0.5, 50, 0)
        answers = robustness_of_probes(FEATURES, fits, store, rows, table, division, seed=0)
        return dict(robustness_section(truth, models_to_compare(models, baselines), answers).data)

    return run


@pytest.mark.parametrize("folds", [None, 3])
def test_what_changes_nothing_costs_nothing(data_of: Sections, folds: int | None) -> None:
    for model in data_of([AS_RECORDED], folds)["models"].values():
        assert all(drop == {"value": 0, "ci95": [0, 0]} for drop in model["same"]["drop"].values())


def test_what_takes_the_sound_away_takes_all_that_was_known(data_of: Sections) -> None:
    found = data_of([AS_RECORDED, SILENCED], None)["models"]["loudness"]
    before, after = (found[name]["metrics"]["macro_auroc"]["value"] for name in ("same", "silence"))
    drop = found["silence"]["drop"]["macro_auroc"]
    assert before > 0.9
    assert after == 0.5
    assert drop["value"] == pytest.approx(before - after, abs=2e-6)
    assert drop["ci95"][0] > 0


def predictions(make_report: Callable[..., Report]) -> tuple[Truth, list[Prediction]]:
    truth = make_report(models=1).scores.truth
    generator = np.random.default_rng(3)

    def guess(name: str, skill: float) -> Prediction:
        noise = generator.dirichlet(np.full(6, 0.6), len(truth))
        return Prediction(name, skill * truth.targets + (1 - skill) * noise, np.full(6, 0.25))

    return truth, [guess("resnet10t", 0.6), guess("untrained resnet10t", 0.3)]


def test_the_section_says_the_same_in_tables_and_in_numbers(make_report: Callable[..., Report]) -> None:
    truth, clean = predictions(make_report)
    worse = [Prediction(model.name, model.probabilities[::-1].copy(), model.thresholds) for model in clean]
    section = robustness_section(truth, clean, [(condition, worse) for condition in CONDITIONS])
    assert list(section.data["conditions"]) == [condition.name for condition in CONDITIONS]
    assert list(section.data["models"]) == ["resnet10t", "untrained resnet10t"]
    headline, drops = section.tables
    assert [row[0] for row in headline.rows] == ["as recorded", *(condition.label for condition in CONDITIONS)]
    assert [row[0] for row in drops.rows] == [condition.label for condition in CONDITIONS]
    clean_auroc, worse_auroc = (macro_auroc(truth, models[0]) for models in (clean, worse))
    assert isinstance(headline.rows[0][1], Measure) and headline.rows[0][1].value == pytest.approx(clean_auroc)
    for place, condition in enumerate(CONDITIONS):
        found, of_twin = (section.data["models"][model.name][condition.name] for model in clean)
        value, drop = headline.rows[place + 1][1:3]
        drop_of_twin = drops.rows[place][2]
        assert isinstance(value, Measure) and isinstance(drop, Measure) and isinstance(drop_of_twin, Measure)
        assert (value.value, drop.value) == pytest.approx((worse_auroc, clean_auroc - worse_auroc))
        assert json_measure(value) == found["metrics"]["macro_auroc"]
        assert json_measure(drop) == found["drop"]["macro_auroc"]
        assert json_measure(drop_of_twin) == of_twin["drop"]["macro_auroc"]
    assert all(condition.description in section.text for condition in CONDITIONS)


def macro_auroc(truth: Truth, model: Prediction) -> float:
    return float(roc_auc_score(truth.targets >= truth.positive_share, model.probabilities, average="macro"))


def test_chance_and_twins_of_members_are_not_models_to_compare() -> None:
    def named(*names: str) -> list[Prediction]:
        return [Prediction(name, np.zeros((1, 1)), np.zeros(1)) for name in names]

    baselines = named("untrained ensemble", "untrained a", "untrained b", "log-mel mean and deviation", CHANCE)
    shown = models_to_compare(named("ensemble", "a", "b"), baselines)
    assert [model.name for model in shown] == ["ensemble", "untrained ensemble", "log-mel mean and deviation"]
    alone = models_to_compare(named("a"), named("untrained a", CHANCE))
    assert [model.name for model in alone] == ["a", "untrained a"]


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run of one small encoder."""
    settings = EncoderSettings(backbone="test_resnet", normalisation=Normalisation(mean=(-5, 0.5, -3), std=(3, 0.3, 3)))
    folder = tmp_path / "run"
    save_encoder(folder / "test_resnet", Encoder(settings), crop_s=0.4, corpus_fingerprint="0", step=1, steps=1)
    return folder


def test_the_command_reports_it_where_it_is_asked_for(
    tmp_path: Path, write_clips: Callable[..., None], write_table: Callable[..., Path], run: Path
) -> None:
    write_clips(tmp_path, [0.4] * 16)
    rows = [[f"{clip:02}.wav", clip % 2, clip // 2 % 2, f"s{clip // 4}"] for clip in range(16)]
    splits = ["train", "train", "test", "test"]
    data = write_table(
        tmp_path / "labels.csv",
        ["path", "anger", "sadness", "speaker", "split"],
        [[*row, splits[clip // 4]] for clip, row in enumerate(rows)],
    )
    out = tmp_path / "report"
    words = ["--from", run, "--data", data, "--out", out, "--stress", "bootstrap_resamples=20", "egemaps=false"]
    assert main([*map(str, words), "device=cpu", "threads=1"]) == 0
    content = json.loads((out / "report.json").read_text())
    assert content["made"]["settings"]["stress"] is True
    models = list(content["stress"]["models"])
    assert models == ["test_resnet", "untrained test_resnet", "log-mel mean and deviation"]
    for model in content["stress"]["models"].values():
        assert list(model) == [condition.name for condition in CONDITIONS]
        for found in model.values():
            assert all(set(measure) == set(MEASURES) for part in found.values() for measure in part.values())
    for name in ("report.html", "report.md"):
        written = (out / name).read_text()
        assert "Robustness" in written and all(condition.label in written for condition in CONDITIONS)
    assert (out / "stress.png").read_bytes().startswith(b"\x89PNG")
