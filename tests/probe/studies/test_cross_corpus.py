"""From one corpus to another by the emotions they share, and the leaks that are refused on the way."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from emoclr.pretrain.encoder.checkpoint import save_encoder
from emoclr.pretrain.encoder.encoder import Encoder, EncoderSettings, Normalisation
from emoclr.probe.cli import main

QUICK = ["bootstrap_resamples=50", "threads=1", "device=cpu", "egemaps=false"]
EACH, SPEAKERS = 8, 4


@pytest.fixture(scope="module")
def corpora(
    tmp_path_factory: pytest.TempPathFactory, write_noise: Callable[..., Path], write_table: Callable[..., Path]
) -> Path:
    """An encoder and two corpora whose angry clips are loud and whose sad clips are dull."""
    folder = tmp_path_factory.mktemp("across")
    for corpus, emotions in (("acted", ["angry", "sad", "awe"]), ("spoken", ["anger", "sadness", "calm"])):
        rows = []
        for clip in range(SPEAKERS * EACH):
            angry, sad = clip % 2, clip // 2 % 2
            path = write_noise(
                folder / corpus / f"{clip:02}.wav", 0.6, bool(angry), bool(sad), seed=clip + len(corpus) * 99
            )
            rows.append([path, 0.9 * angry, 0.8 * sad, 1 - angry, f"{corpus}-{clip // EACH}"])
        write_table(folder / f"{corpus}.csv", ["path", *emotions, "speaker"], rows)
    settings = EncoderSettings(backbone="test_resnet", normalisation=Normalisation(mean=(-5, 0.5, -3), std=(3, 0.3, 3)))
    save_encoder(folder / "run", Encoder(settings), crop_s=0.5, corpus_fingerprint="0", step=1, steps=1)
    return folder


@pytest.fixture(scope="module")
def crossed(corpora: Path, call: Callable[..., Any]) -> Any:
    """A probe across both, which fits to parts of the labels too."""
    words = ["--from", corpora / "run", "--data", corpora / "acted.csv", "--test", corpora / "spoken.csv"]
    out = corpora / "report"
    return call(main, [*words, "--out", out, "--fractions", "0.01,0.5,1", "fraction_seeds=2", *QUICK], out)


def test_a_probe_across_corpora_says_so_and_finds_what_is_easy_to_hear(crossed: Any) -> None:
    assert crossed.code == 0, crossed.told
    content = json.loads((crossed.out / "report.json").read_text())
    assert content["title"].endswith("in spoken.csv, learned from acted.csv")
    assert content["summary"].startswith("Across corpora: fitted to acted.csv (all its clips) and scored on spoken.csv")
    assert content["protocol"]["emotions"] == ["angry", "sad"]
    assert content["protocol"]["clips"] == SPEAKERS * EACH and content["protocol"]["speaker_disjoint"]
    assert content["baselines"]["log-mel mean and deviation"]["macro_auroc"]["value"] > 0.9
    assert content["left_out"] == {"awe": "only acted.csv has it", "calm": "only spoken.csv has it"}
    assert content["across"]["emotions"][0] == {
        "fitted": "angry",
        "scored": "anger",
        "positives_fitted": SPEAKERS * EACH // 2,
        "positives_scored": SPEAKERS * EACH // 2,
    }


def test_the_same_report_says_how_many_labels_it_takes(crossed: Any) -> None:
    section = json.loads((crossed.out / "report.json").read_text())["efficiency"]
    assert list(section["too_small"]) == ["0.01"]
    assert list(section["models"]) == ["test_resnet", "untrained test_resnet", "log-mel mean and deviation"]
    half, whole = section["models"]["test_resnet"]
    assert (half["clips"], len(half["metrics"]["macro_auroc"]["draws"])) == (SPEAKERS * EACH / 2, 2)
    assert (whole["clips"], len(whole["metrics"]["macro_auroc"]["draws"])) == (SPEAKERS * EACH, 1)
    assert (crossed.out / "efficiency.png").is_file()


def test_folds_of_two_corpora_are_refused(corpora: Path, call: Callable[..., Any]) -> None:
    words = ["--from", corpora / "run", "--data", corpora / "acted.csv", "--test", corpora / "spoken.csv"]
    ran = call(main, [*words, "--out", corpora / "x", "folds=3"], corpora / "x")
    assert (ran.code, "--test is scored" in ran.told) == (2, True)


def test_a_recording_of_one_corpus_in_the_other_is_refused(
    corpora: Path, call: Callable[..., Any], write_table: Callable[..., Path]
) -> None:
    copied = shutil.copy(corpora / "acted/03.wav", corpora / "copied.wav")
    rows = [[copied, 1, 0, "someone"], [corpora / "spoken/00.wav", 0, 1, "another"]]
    leaky = write_table(corpora / "leaky.csv", ["path", "anger", "sadness", "speaker"], rows)
    words = ["--from", corpora / "run", "--data", corpora / "acted.csv", "--test", leaky]
    ran = call(main, [*words, "--out", corpora / "x", *QUICK], corpora / "x")
    assert ran.code == 1
    assert "the same sound is in train and in test" in ran.told
    assert "03.wav" in ran.told and "copied.wav" in ran.told
