"""`probe` from checkpoints and labels to a report, as a user types it."""

import csv
import json
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
import soundfile as sf
import torch

import emoclr.evaluate.report.report
from emoclr.evaluate.report.predictions_csv import ANSWERS, read_predictions
from emoclr.pretrain.encoder.checkpoint import save_encoder
from emoclr.pretrain.encoder.encoder import Encoder, EncoderSettings, Normalisation
from emoclr.probe.cli import main

RATE = 16_000
N_SPEAKERS, EACH = 12, 8
QUICK = ["bootstrap_resamples=50", "threads=1", "device=cpu", "egemaps=false"]


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two checkpoints, and noise that is loud where angry and low where sad; two silent clips, and a broken one."""
    folder = tmp_path_factory.mktemp("probe")
    generator = np.random.default_rng(0)
    rows = []
    for clip in range(N_SPEAKERS * EACH):
        speaker = clip // EACH
        angry, sad = clip % 2, clip // 2 % 2
        noise = generator.normal(size=RATE * 3 // 5) * (0.2 if angry else 0.02)
        if sad:
            noise = np.convolve(noise, np.ones(12) / 12, mode="same")
        if clip in (0, N_SPEAKERS * EACH - 1):  # of a test speaker and of a training speaker
            noise *= 0
        sf.write(folder / f"{clip:02d}.wav", np.clip(noise, -1, 1), RATE)
        split = "test" if speaker % 3 == 0 else "train"
        rows.append([f"{clip:02d}.wav", 0.9 * angry, 0.8 * sad, 0, f"s{speaker}", split, "fm"[speaker % 2], "yes"])
    (folder / "broken.wav").write_bytes(b"RIFF")
    rows.append(["broken.wav", 1, 0, 0, "s1", "train", "m", "yes"])
    with (folder / "labels.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["path", "anger", "sadness", "awe", "speaker", "split", "sex", "synthetic"], *rows])
    torch.manual_seed(0)
    for backbone in ("test_resnet", "test_efficientnet"):
        settings = EncoderSettings(backbone=backbone, normalisation=Normalisation(mean=(-5, 0.5, -3), std=(3, 0.3, 3)))
        card = {"crop_s": 0.5, "corpus_fingerprint": "0", "step": 1, "steps": 1}
        save_encoder(folder / "run" / backbone, Encoder(settings), **card)
    return folder


@pytest.fixture(scope="module")
def done(workplace: Path) -> tuple[int, Path]:
    out = workplace / "report"
    words = ["--from", str(workplace / "run"), "--data", str(workplace / "labels.csv"), "--out", str(out)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EMOCLR_CACHE", str(workplace / "cache"))
        return main([*words, *QUICK]), out


@pytest.fixture(scope="module")
def content(done: tuple[int, Path]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((done[1] / "report.json").read_text())
    return found


def test_it_ends_well_and_writes_the_report(done: tuple[int, Path]) -> None:
    code, out = done
    assert code == 0
    assert {"report.html", "report.json", "report.md"} <= {path.name for path in out.iterdir()}
    assert len(list(out.glob("*.png"))) == 7


def test_the_report_follows_the_schema(content: dict[str, Any]) -> None:
    schema = json.loads(Path(emoclr.evaluate.report.report.__file__).with_name("report.schema.json").read_text())
    found = jsonschema.Draft202012Validator(schema).iter_errors(content)
    assert [error.message for error in found] == []


def test_answers_and_mistakes_are_those_of_the_scored_clips(done: tuple[int, Path], content: dict[str, Any]) -> None:
    answers = read_predictions(done[1] / ANSWERS)
    assert answers is not None and len(answers.clips) == content["protocol"]["clips"]
    assert {clip["path"] for clip in content["mistakes"]["clips"]} <= {path for path, _, _ in answers.clips}


def test_encoders_their_untrained_twins_and_the_baselines_stand_in_one_table(content: dict[str, Any]) -> None:
    assert list(content["models"]) == ["ensemble", "test_efficientnet", "test_resnet"]
    assert list(content["baselines"]) == [
        "untrained ensemble",
        "untrained test_efficientnet",
        "untrained test_resnet",
        "log-mel mean and deviation",
        "chance",
    ]


def test_what_is_easy_to_hear_is_found_and_chance_is_one_half(content: dict[str, Any]) -> None:
    assert content["baselines"]["log-mel mean and deviation"]["macro_auroc"]["value"] > 0.95
    assert content["metrics"]["macro_auroc"]["value"] > 0.9
    assert content["baselines"]["chance"]["macro_auroc"] == {"value": 0.5, "ci95": [0.5, 0.5]}


def test_the_protocol_is_told(content: dict[str, Any]) -> None:
    protocol = content["protocol"]
    assert protocol["clips"] == 4 * EACH and protocol["speakers"] == 4
    assert protocol["train_clips"] == 8 * EACH and protocol["train_speakers"] == 8
    assert (protocol["folds"], protocol["seeds"], protocol["speaker_disjoint"]) == (1, [0], True)
    assert "fitted to 64 clips of 8 speakers and scored on 32 clips of 4 speakers" in content["summary"]
    assert content["made"]["command"].startswith("probe --from")


def test_an_untrained_head_is_never_reported(content: dict[str, Any]) -> None:
    assert list(content["per_emotion"]) == ["anger", "sadness"]
    assert content["left_out"] == {"awe": "no positive clip to train on"}


def test_broken_files_are_set_aside_with_the_reason(content: dict[str, Any]) -> None:
    (broken,) = content["set_aside"]
    assert broken["path"].endswith("broken.wav") and broken["reason"]


def test_the_verdict_says_what_forbids_a_conclusion_first(content: dict[str, Any]) -> None:
    limit, answer, step = content["verdict"]
    assert limit["text"] == content["notes"][0] and limit["weight"] == "warning"
    assert answer["text"].startswith("4 speakers were scored") and "`folds=5`" in step["text"]


def test_silent_clips_are_no_leak_and_noted(content: dict[str, Any]) -> None:
    assert any(note.startswith("2 of 96 clips are silent") for note in content["notes"])


def test_groups_voices_and_the_synthetic_corpus_are_named(content: dict[str, Any]) -> None:
    assert set(content["groups"]) == {"sex"} and set(content["groups"]["sex"]) == {"f", "m"}
    assert content["speaker_probe"]["speakers"] == N_SPEAKERS
    assert content["notes"][0].startswith("Synthetic")


def test_one_backbone_in_folds_has_no_ensemble(workplace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EMOCLR_CACHE", str(workplace / "cache"))
        words = ["--from", str(workplace / "run/test_resnet"), "--data", str(workplace / "labels.csv")]
        assert main([*words, "--out", str(workplace / "folds"), "folds=3", *QUICK]) == 0
    content = json.loads((workplace / "folds/report.json").read_text())
    assert list(content["models"]) == ["test_resnet"]
    assert (content["protocol"]["folds"], content["protocol"]["clips"]) == (3, N_SPEAKERS * EACH)
    assert content["baselines"]["chance"]["macro_auroc"]["value"] == 0.5
    assert "untrained test_resnet" in capsys.readouterr().out


def test_compare_prints_headlines_and_where_the_pages_are(
    done: tuple[int, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["compare", str(done[1])]) == 0
    printed = capsys.readouterr().out
    assert "ensemble" in printed and "macro AUROC" in printed and "untrained test_resnet" not in printed
    assert f"{done[1] / 'report.html'}\n" in printed


@pytest.mark.parametrize(
    ("change", "code", "told"),
    [
        (["fold=3"], 2, "perhaps 'folds'?"),
        (["folds=1"], 2, "folds"),
        (["--data", "nowhere.csv"], 2, "nowhere.csv: no such file"),
        (["--from", "nowhere"], 2, "no such folder"),
        (["emotions=[joy]"], 1, "joy"),
    ],
)
def test_what_is_wrong_is_told(
    workplace: Path, capsys: pytest.CaptureFixture[str], change: list[str], code: int, told: str
) -> None:
    words = {"--from": workplace / "run", "--data": workplace / "labels.csv", "--out": workplace / "x"}
    if change[0] in words:
        words[change[0]], *change = change[1:]
    assert main([*(str(word) for pair in words.items() for word in pair), *change]) == code
    assert told in capsys.readouterr().err


def test_compare_names_a_folder_without_a_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", str(tmp_path)]) == 1
    (tmp_path / "report.json").write_text("[]")
    assert main(["compare", str(tmp_path)]) == 1
    told = capsys.readouterr().err
    assert "no report is there" in told and "is no report" in told


def test_the_speaker_known_has_rows_of_its_own_beside_the_plain_ones(content: dict[str, Any]) -> None:
    found = content["speaker_known"]
    assert found["clips_per_speaker"] == EACH
    assert list(found["models"]) == ["ensemble", "test_efficientnet", "test_resnet", "log-mel mean and deviation"]
    for name, of_model in found["models"].items():
        plain = (content["models"] | content["baselines"])[name]
        assert {metric: of_model["plain"][metric] for metric in plain} == plain
        for metric in ("macro_auroc", "map"):
            difference = of_model["known"][metric]["value"] - plain[metric]["value"]
            assert of_model["difference"][metric]["value"] == pytest.approx(difference, abs=2e-6)
