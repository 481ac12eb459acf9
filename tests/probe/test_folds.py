"""Published folds: an encoder for each, told whether it has heard the voices that are scored."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
import torch

from emoclr.corpus.audit.clip_fingerprints import clip_fingerprints
from emoclr.corpus.clips.sources import clips_from, clips_of
from emoclr.corpus.decoded.waveforms import open_waveforms
from emoclr.corpus.labels.division import divide
from emoclr.corpus.labels.labels_csv import read_labels
from emoclr.evaluate.report.predictions_csv import ANSWERS, read_predictions
from emoclr.evaluate.report.sentence import Caution
from emoclr.pretrain.encoder.checkpoint import save_encoder
from emoclr.pretrain.encoder.encoder import Encoder, EncoderSettings, Normalisation
from emoclr.pretrain.resume.heard_clips import write_fingerprints
from emoclr.probe.cli import main
from emoclr.probe.heard import heard_in_pretraining

RATE = 16_000
QUICK = ["bootstrap_resamples=20", "threads=1", "device=cpu", "egemaps=false", "players=false"]


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Loud noise where angry, six speakers in folds 1, 2 and x, and for each fold an encoder pretrained without it.

    That of fold x was pretrained on all clips.
    """
    folder = tmp_path_factory.mktemp("folds")
    generator = np.random.default_rng(0)
    rows = []
    for clip in range(48):
        angry = clip % 4 / 3
        noise = generator.normal(size=RATE // 2) * 0.02 * 2 ** (4 * angry)
        sf.write(folder / f"{clip}.wav", np.clip(noise, -1, 1), RATE)
        speaker = clip // 8
        fold, validates = [("1", "2"), ("2", "x"), ("x", "1")][speaker // 2]
        rows.append([f"{clip}.wav", angry, 1 - angry, f"s{speaker}", fold, validates])
    with (folder / "labels.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["path", "anger", "sadness", "speaker", "fold", "validation_fold"], *rows])
    for seed, fold in enumerate(["1", "2", "x"]):
        torch.manual_seed(seed)
        encoder = Encoder(EncoderSettings(backbone="test_resnet", normalisation=Normalisation(mean=(-5, 0.5, -3))))
        run = folder / f"run-{fold}"
        save_encoder(run / "test_resnet", encoder, crop_s=0.5, corpus_fingerprint="", step=1, steps=1)
        clips = clips_from([folder / "labels.csv"], None, {}, without_fold=None if fold == "x" else fold)
        store = open_waveforms(clips, cache_dir=folder / "cache", workers=1)
        write_fingerprints(run / "test_resnet", clip_fingerprints(store, range(len(store))).ravel())
    return folder


def probe(workplace: Path, source: str, *more: str) -> tuple[int, Path]:
    out = workplace / f"report-{source}".replace("{", "").replace("}", "")
    words = ["--from", str(workplace / source), "--data", str(workplace / "labels.csv"), "--out", str(out)]
    return main([*words, *QUICK, *more]), out


def test_each_fold_is_fitted_to_and_scored_with_its_own_encoder(workplace: Path) -> None:
    code, out = probe(workplace, "run-{fold}")
    assert code == 0
    content = json.loads((out / "report.json").read_text())
    assert "pretrained anew for each fold" in content["summary"]
    assert "validation are not fitted to" in content["summary"]
    assert content["folds"]["names"] == ["fold 1", "fold 2", "fold x"]
    assert set(content["folds"]["share_macro_f1"]) >= {"test_resnet", "untrained test_resnet", "chance"}
    assert probe(workplace, "run-2")[0] == 0
    together, alone = read_predictions(out / ANSWERS), read_predictions(workplace / "report-run-2" / ANSWERS)
    assert together is not None and alone is not None and together.clips == alone.clips
    equal = np.isclose(together.probabilities, alone.probabilities, atol=1e-6).all(axis=1)
    of_fold_2 = np.isin(together.speakers, ["s2", "s3"])
    assert equal[of_fold_2].all() and equal[~of_fold_2].mean() < 0.2
    (heard,) = [note for note in content["notes"] if "in pretraining" in note]
    assert heard.startswith("16 of 48 scored clips were heard by test_resnet")
    assert "(2 of 6 speakers: 0 of 2 in fold 1, 0 of 2 in fold 2, 2 of 2 in fold x)" in heard
    told = {"clips_heard": 16, "clips": 48, "speakers_heard": 2, "speakers": 6}
    assert content["heard_in_pretraining"] == {"test_resnet": told}
    assert {"text": heard, "kind": "limit", "weight": "warning"} in content["verdict"]


def test_encoders_of_which_the_run_is_not_there_are_told_of_together(workplace: Path) -> None:
    table = read_labels(workplace / "labels.csv")
    division = divide(table, None, seed=0)
    store = open_waveforms(clips_of(table), cache_dir=workplace / "cache", workers=1)
    alone = {name: [workplace / name] for name in ("a", "b")}
    known = {"of fold 1": [workplace / "run-1" / "test_resnet"]}
    found = heard_in_pretraining({**alone, **known}, table, division, store, np.arange(len(store)))
    unknown, heard = found.notes
    assert "Whether a, b heard scored clips in pretraining, without labels, is not known" in unknown
    assert isinstance(heard, Caution) and not isinstance(unknown, Caution)
    assert heard.startswith("32 of 48 scored clips were heard by of fold 1 in pretraining, without labels (4 of 6 ")
    assert found.as_json()["a"] is None


@pytest.mark.parametrize(
    ("source", "more", "told"),
    [
        ("run-{fold}", ["folds=3"], "without --test and folds="),
        ("walk-{fold}", [], "walk-1: no such folder"),
    ],
)
def test_folds_that_are_not_there_are_told(
    workplace: Path, source: str, more: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert probe(workplace, source, *more)[0] == 2
    assert told in capsys.readouterr().err
