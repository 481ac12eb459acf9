"""From one corpus to another by the emotions they share, and the leaks that are refused on the way."""

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from emoclr.corpus.labels.csv_table import LabelsError
from emoclr.corpus.labels.label_table import LabelTable
from emoclr.corpus.labels.labels_csv import read_labels
from emoclr.pretrain.encoder.checkpoint import save_encoder
from emoclr.pretrain.encoder.encoder import Encoder, EncoderSettings, Normalisation
from emoclr.probe.cli import main
from emoclr.probe.studies.cross_corpus import cross, shared_emotions, source_names

QUICK = ["bootstrap_resamples=50", "threads=1", "device=cpu", "egemaps=false"]
EACH, SPEAKERS = 8, 4


@pytest.mark.parametrize(
    ("first", "second", "pairs"),
    [
        (["anger", "joy"], ["joy", "anger", "awe"], [("anger", "anger"), ("joy", "joy")]),
        (["angry", "sad"], ["wut", "sadness"], [("angry", "wut"), ("sad", "sadness")]),
        (["happiness"], ["joy"], [("happiness", "joy")]),
        (["happiness"], ["joy", "happiness"], [("happiness", "happiness")]),  # the same word goes before a synonym
        (["happy", "joy"], ["happiness"], []),  # which of them is meant?
        (["happy", "joy"], ["joy", "freude"], [("joy", "joy")]),
        (["anger"], ["awe"], []),
    ],
)
def test_emotions_meet_by_name_or_by_their_common_name(
    first: list[str], second: list[str], pairs: list[tuple[str, str]]
) -> None:
    assert shared_emotions(first, second) == pairs


@pytest.fixture
def make(tmp_path: Path, write_table: Callable[..., Path]) -> Callable[..., LabelTable]:
    """Returns make(name, emotions, rows of (shares, speaker, split)) -> the labels."""

    def write(name: str, emotions: list[str], rows: Sequence[tuple[list[float], str, str | None]]) -> LabelTable:
        splits = ["split"] if rows[0][2] else []
        cells = [
            [f"{name}{clip}.wav", *shares, speaker, *([split] if split else [])]
            for clip, (shares, speaker, split) in enumerate(rows)
        ]
        return read_labels(write_table(tmp_path / f"{name}.csv", ["path", *emotions, "speaker", *splits], cells))

    return write


def test_the_second_is_scored_on_its_test_rows_and_the_first_fitted_to_all_others(
    make: Callable[..., LabelTable],
) -> None:
    first = make(
        "a",
        ["angry", "sad", "awe"],
        [([0.5, 0, 0.5], "a1", "train"), ([0, 1, 0], "a2", "validation"), ([1, 0, 0], "a3", "test")],
    )
    second = make("b", ["sadness", "anger"], [([0.2, 0.8], "b1", "train"), ([0.9, 0.1], "b2", "test")])
    crossing = cross(first, second)
    table = crossing.table
    assert [path.name for path in table.paths] == ["a0.wav", "a1.wav", "b1.wav"]
    assert table.splits == ["train", "validation", "test"] and table.speakers == ["a1", "a2", "b2"]
    assert table.emotions == ["angry", "sad"]
    assert table.targets.tolist() == [[0.5, 0], [0, 1], pytest.approx([0.1, 0.9])]
    assert crossing.left_out == {"awe": "only a.csv has it"}
    assert crossing.text == (
        "Across corpora: fitted to a.csv (all but its test rows) and scored on b.csv (its test rows), "
        "by the emotions that both have: angry (anger), sad (sadness)."
    )


def test_clips_with_one_emotion_that_is_not_shared_are_left_out_and_counted(make: Callable[..., LabelTable]) -> None:
    rows = [([1, 0, 0], "a1", None), ([0, 1, 0], "a2", None), ([0, 0, 1], "a3", None)]
    one_emotion_each = make("a", ["anger", "sadness", "awe"], rows)
    several = make("b", ["anger", "sadness"], [([0, 0], "b1", None), ([1, 1], "b2", None)])
    crossing = cross(one_emotion_each, several)
    assert len(crossing.table) == 4 and not crossing.table.single_label
    assert "a.csv (all its clips, without 1 of other emotions)" in crossing.text
    assert "b.csv (all its clips)" in crossing.text
    also_one = make("c", ["anger", "sadness"], [([0, 1], "c1", None), ([1, 0], "c2", None)])
    assert cross(one_emotion_each, also_one).table.single_label


def test_what_is_left_out_says_why(make: Callable[..., LabelTable]) -> None:
    first = make("a", ["anger", "happy", "joy", "awe"], [([0.5, 0.5, 0.1, 0.1], "a1", None)])
    crossing = cross(first, make("b", ["anger", "happiness"], [([0.5, 0.3], "b1", None)]))
    either = "several columns may mean it"
    assert crossing.left_out == {"happy": either, "joy": either, "awe": "only a.csv has it", "happiness": either}


def test_what_cannot_be_crossed_is_refused(make: Callable[..., LabelTable]) -> None:
    first = make("a", ["anger", "awe"], [([1, 0], "s1", None), ([0, 1], "s2", None)])
    with pytest.raises(LabelsError, match=r"shares no emotion with .*a.csv: joy, calm here, anger, awe there"):
        cross(first, make("b", ["joy", "calm"], [([1, 0], "b1", None), ([0, 1], "b2", None)]))
    with pytest.raises(LabelsError, match=r"speaker 's1' is in .*a.csv too: a leak"):
        cross(first, make("c", ["anger"], [([0.5], "s1", None), ([1], "c2", None)]))
    with pytest.raises(LabelsError, match="none of the clips that would be used has anger"):
        cross(first, make("d", ["anger", "calm"], [([1, 0], "d1", "train"), ([0, 1], "d2", "test")]))
    with pytest.raises(LabelsError, match="leaves no train clips"):
        cross(make("e", ["anger"], [([0.5], "e1", "test"), ([1], "e2", "test")]), first)


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
    assert content["title"].endswith("across corpora, from acted to spoken")
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


def test_files_of_one_name_are_told_apart_by_their_folders() -> None:
    assert source_names(Path("acted/labels.csv"), Path("/data/spoken/labels.csv")) == (
        "acted/labels.csv",
        "spoken/labels.csv",
    )
    assert source_names(Path("a/acted.csv"), Path("b/spoken.csv")) == ("acted.csv", "spoken.csv")
