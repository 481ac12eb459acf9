"""Tables of one, two and three speakers, and tables without test clips, in `probe` and in `finetune`."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from emoclr.corpus.cli import main as corpus
from emoclr.finetune.cli import main as finetune
from emoclr.probe.cli import main as probe

WORDS = ("back", "bar", "base", "bath", "bean", "beg")
PROBE = ("bootstrap_resamples=20", "device=cpu", "threads=1", "egemaps=false", "players=false")
FINETUNE = ("freeze=backbone", "bootstrap_resamples=20", "accelerator=cpu", "workers=0", "players=false")

Tell = Callable[..., tuple[int, str, dict[str, Any]]]


@pytest.fixture(scope="module")
def tess(write_noise: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the recipe makes of two speakers who say six words angrily (loud), sadly (dull) and neutrally."""
    folder = tmp_path_factory.mktemp("tess")
    for speaker in ("OAF", "YAF"):
        for number, word in enumerate(WORDS):
            for emotion in ("angry", "sad", "neutral"):
                path = folder / f"TESS/{speaker}_{emotion}/{speaker}_{word}_{emotion}.wav"
                write_noise(
                    path,
                    0.6,
                    emotion == "angry",
                    emotion == "sad",
                    seed=number + 10 * len(emotion) + 100 * (speaker == "OAF"),
                )
    assert corpus(["prepare", "tess", str(folder / "TESS"), "--out", str(folder / "tess.csv")]) == 0
    return folder / "tess.csv"


@pytest.fixture(scope="module")
def rows(tess: Path) -> Callable[..., Path]:
    """Returns rows(name, speakers or {speaker: split}) -> a table like that of `tess`, its words dealt to speakers."""

    def write(name: str, speakers: list[str] | dict[str, str]) -> Path:
        with tess.open(newline="") as file:
            found = [row | {"path": tess.parent / row["path"]} for row in csv.DictReader(file)]
        emotions = [column for column in found[0] if {row[column] for row in found} == {"0", "1"}]
        assert emotions == ["anger", "neutral", "sadness"]
        kept = []
        for row in found:
            place = (row["speaker"] == "YAF") * len(WORDS) + WORDS.index(row["sentence"])
            speaker = list(speakers)[place * len(speakers) // (2 * len(WORDS))]
            split = {"split": speakers[speaker]} if isinstance(speakers, dict) else {}
            kept.append({name: row[name] for name in ("path", *emotions)} | {"speaker": speaker} | split)
        path = tess.with_name(f"{name}.csv")
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(kept[0]))
            writer.writeheader()
            writer.writerows(kept)
        return path

    return write


@pytest.fixture(scope="module")
def tell(pretrained: Path, call: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Tell:
    """Returns tell(command, data, *words) -> exit code, what the screen showed, and the report."""

    def run(command: Any, data: Path, *words: str) -> tuple[int, str, dict[str, Any]]:
        out = tmp_path_factory.mktemp("out") / "out"
        quick = PROBE if command is probe else FINETUNE
        ran = call(command, ["--from", pretrained / "test_resnet", "--data", data, "--out", out, *words, *quick], out)
        report = out / ("report.json" if command is probe else "report/report.json")
        return ran.code, ran.told, json.loads(report.read_text()) if report.exists() else {}

    return run


def test_the_table_of_tess_is_probed_one_voice_after_the_other(tess: Path, tell: Tell) -> None:
    code, told, report = tell(probe, tess)
    assert code == 0, told
    protocol = report["protocol"]
    assert (protocol["folds"], protocol["clips"], protocol["speakers"]) == (2, 36, 2)
    assert protocol["speaker_disjoint"] is True
    (note,) = [note for note in report["notes"] if "OAF, YAF" in note]
    assert note in told and "other recordings of the same voice" in note
    assert "in folds of recordings" in report["summary"]
    assert report["baselines"]["log-mel mean and deviation"]["uar"]["value"] > 0.9


def test_the_table_of_tess_is_fine_tuned_on_one_voice_and_scored_on_the_other(tess: Path, tell: Tell) -> None:
    code, told, report = tell(finetune, tess)
    assert code == 0, told
    assert (report["protocol"]["clips"], report["protocol"]["speaker_disjoint"]) == (18, True)
    assert (
        "Trained on 12 clips of 1 speaker, validated on 6 clips of 1 speaker, scored on 18 clips" in report["summary"]
    )
    assert any("same voice" in note and note in told for note in report["notes"])
    code, told, report = tell(finetune, tess, "folds=2")
    assert code == 0, told
    assert (report["protocol"]["folds"], report["protocol"]["clips"]) == (2, 36)
    assert report["protocol"]["speaker_disjoint"] is True
    # With freeze=backbone a model is its head alone, and has no row beside it.
    assert "untrained test_resnet" in report["baselines"]
    assert not any("head alone" in name for name in report["baselines"])


@pytest.mark.parametrize("command", [probe, finetune], ids=["probe", "finetune"])
def test_one_speaker_is_told_to_say_nothing_of_others(command: Any, rows: Callable[..., Path], tell: Tell) -> None:
    code, told, report = tell(command, rows("one", ["anna"]))
    assert code == 0, told
    assert report["protocol"]["speaker_disjoint"] is False
    (note,) = [note for note in report["notes"] if "anna" in note]
    assert note in told and "nothing about others" in note


@pytest.mark.parametrize(
    "splits", [{"a": "train", "b": "train", "c": "validation"}, {"a": "train"}], ids=["three", "one"]
)
def test_without_test_rows_another_table_is_scored_and_voices_stay_apart(
    rows: Callable[..., Path], tell: Tell, write_noise: Callable[..., Path], tmp_path: Path, splits: dict[str, str]
) -> None:
    other = tmp_path / "other.csv"
    lines = ["path,anger,sadness,speaker"]
    for clip in range(8):
        write_noise(tmp_path / f"{clip}.wav", 0.6, clip % 2 == 0, clip % 2 == 1, seed=1000 + clip)
        lines.append(f"{clip}.wav,{1 - clip % 2},{clip % 2},stranger{clip // 4}")
    other.write_text("\n".join(lines))
    data = rows("split", splits)
    for command in (probe, finetune):
        code, told, report = tell(command, data, "--test", str(other))
        assert code == 0, told
        protocol = report["protocol"]
        assert (protocol["clips"], protocol["speakers"], protocol["emotions"]) == (8, 2, ["anger", "sadness"])
        assert report["left_out"] == {"neutral": "only split.csv has it"}
        assert report["across"]["scored"] == "other.csv"
        assert report["baselines"]["log-mel mean and deviation"]["uar"]["value"] > 0.9
        assert protocol["train_clips"] == sum(split == "train" for split in splits.values()) * 24 // len(splits)


@pytest.mark.parametrize("command", [probe, finetune], ids=["probe", "finetune"])
def test_without_test_rows_and_another_table_the_error_names_both_ways(
    command: Any, rows: Callable[..., Path], tell: Tell
) -> None:
    code, told, _ = tell(command, rows("untested", {"a": "train", "b": "validation"}))
    assert code == 1 and "no readable test clips" in told and "--test" in told and "folds=" in told


@pytest.mark.parametrize("command", [probe, finetune], ids=["probe", "finetune"])
def test_more_folds_than_speakers_are_refused_with_the_count(
    command: Any, rows: Callable[..., Path], tell: Tell
) -> None:
    code, told, _ = tell(command, rows("two", ["a", "b"]), "folds=5")
    assert code == 1 and "has 2 speakers, too few for 5 folds; folds=2" in told
