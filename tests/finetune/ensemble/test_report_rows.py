"""Nothing is chosen on those who are scored; and what an ensemble is compared with is what it says it is."""

import csv
import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from emoclr.finetune.data.labeled_clips import LabeledClips, open_labeled_clips
from emoclr.finetune.ensemble.ensemble import ensemble_outputs
from emoclr.finetune.model.checkpoint import ModelCard, load_model
from emoclr.finetune.settings import FinetuneSettings
from emoclr.finetune.training.initial_weights import find_initial_weights
from emoclr.finetune.training.members import train_members, train_seeds_of_best
from emoclr.finetune.training.resume import finished_member

BACKBONES = ["test_efficientnet", "test_resnet"]
Settings = Callable[..., FinetuneSettings]


def chosen_of(card: ModelCard) -> dict[str, Any]:
    """Returns all of a member that its training chose."""
    return card.model_dump(include={"weights_sha256", "thresholds", "temperatures", "metrics", "answers_sha256"})


def with_other_labels(source: Path, orders: Mapping[str, tuple[int, ...]], name: str) -> Path:
    """Writes the labels, those of each speaker's four clips given to them in another order."""
    with source.open(newline="") as file:
        head, *rows = csv.reader(file)
    place = head.index("speaker")
    for speaker, order in orders.items():
        clips = [row for row in rows if row[place] == speaker and row[0] != "broken.wav"]
        for row, labels in zip(clips, [clips[number][1:3] for number in order], strict=True):
            row[1:3] = labels
    with source.with_name(name).open("w", newline="") as file:
        csv.writer(file).writerows([head, *rows])
    return source.with_name(name)


def test_nothing_is_chosen_on_the_speakers_who_are_scored(
    pretrained: Path, write_labels: Callable[..., Path], settings: Settings, tmp_path: Path
) -> None:
    chosen = settings(folds=2, epochs=1, ensemble="weighted", compare_seeds=2)
    initial_weights = find_initial_weights([pretrained], chosen)
    # Labels that cannot be learned leave everything to be chosen.
    orders = [(0, 1, 2, 3), (2, 0, 3, 1), (3, 2, 1, 0), (1, 3, 0, 2), (2, 3, 0, 1), (1, 0, 3, 2)]
    noise = {f"s{speaker}": order for speaker, order in enumerate(orders)}
    labels = with_other_labels(write_labels("plain.csv"), noise, "nested.csv")
    honest = open_labeled_clips(labels, chosen)
    assert honest.readable.speakers is not None
    scored = {honest.readable.speakers[clip] for clip in honest.tasks[0].test}
    wrong = open_labeled_clips(with_other_labels(labels, dict.fromkeys(scored, (3, 2, 1, 0)), "turned.csv"), chosen)

    def outcome(labeled: LabeledClips, out: Path) -> list[Any]:
        tasks = labeled.tasks[:1]
        members = train_members(out, tasks, initial_weights, chosen)
        (together,) = ensemble_outputs(members, tasks, "weighted", chosen.positive_share)
        cards = [chosen_of(member.card) for folds in members.values() for member in folds]
        joint = [together.weights.tolist(), together.thresholds.tolist(), together.test.tolist()]
        (seeds,) = train_seeds_of_best(out, tasks, initial_weights, chosen, members, n_seeds=2)
        return [cards, joint, seeds.backbone, [chosen_of(member.card) for member in seeds.members]]

    assert [task.test.tolist() for task in wrong.tasks] == [task.test.tolist() for task in honest.tasks]
    turned = (wrong.tasks[0].targets != honest.tasks[0].targets).any(axis=1)
    assert set(np.flatnonzero(turned)) == set(honest.tasks[0].test)
    assert outcome(wrong, tmp_path / "wrong") == outcome(honest, tmp_path / "honest")


def test_seeds_begin_alike_and_learn_apart(pretrained: Path, labels: Path, settings: Settings, tmp_path: Path) -> None:
    chosen = settings(seeds=2, epochs=1, backbones=["test_resnet"])
    labeled = open_labeled_clips(labels, chosen)
    initial_weights = find_initial_weights([pretrained], chosen)
    members = train_members(tmp_path, labeled.tasks, initial_weights, chosen)
    assert list(members) == ["test_resnet/seed-1", "test_resnet/seed-2"]
    (first,), (second,) = members.values()
    assert first.folder == tmp_path / "test_resnet/seed-1" and second.folder == tmp_path / "test_resnet/seed-2"
    assert np.array_equal(first.head_only, second.head_only)
    losses = [(member.folder / "metrics.csv").read_text() for member in (first, second)]
    assert losses[0] != losses[1]
    alone = train_members(
        tmp_path / "alone", labeled.tasks, initial_weights, settings(epochs=1, backbones=["test_resnet"])
    )
    assert alone["test_resnet"][0].card.weights_sha256 == first.card.weights_sha256


@pytest.fixture(scope="module")
def compared(
    finetuned: Any, run: Callable[..., Any], pretrained: Path, tmp_path_factory: pytest.TempPathFactory
) -> Any:
    """The finished run of `finetuned`, which went on to compare itself with seeds and with networks from scratch."""
    out = Path(shutil.copytree(finetuned.out, tmp_path_factory.mktemp("compared") / "emotions"))
    words = ["--from", str(pretrained), "epochs=2", "--resume", "compare_seeds=2", "from_scratch=true"]
    return run(out, *words)


@pytest.fixture(scope="module")
def report(compared: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((compared.out / "report/report.json").read_text())
    return found


def test_a_finished_run_goes_on_to_comparisons_and_keeps_its_members(finetuned: Any, compared: Any) -> None:
    assert compared.code == 0, compared.told
    for name in BACKBONES:
        assert f"{name}: finished before" in compared.told
        before, after = (load_model(ran.out / name)[1] for ran in (finetuned, compared))
        assert before == after
        assert load_model(compared.out / "from-scratch" / name)[1].started_from == "scratch"
    assert (compared.out / "ensemble.yaml").read_text() == (finetuned.out / "ensemble.yaml").read_text()


def test_seeds_of_the_best_are_of_the_one_that_is_best_on_validation(compared: Any, report: dict[str, Any]) -> None:
    scores = [load_model(compared.out / name)[1].metrics["validation_macro_auroc"] for name in BACKBONES]
    best = BACKBONES[int(np.argmax(scores))]
    assert [path.parent.name for path in (compared.out / "comparison").glob("*/seed-2")] == [best]
    found = report["ensemble"]
    assert (found["best"], found["seeds_of"], found["how"]) == ([best], [best], "mean")
    assert f"2 different backbones − 2 seeds of {best}" in found["differences"]


def test_differences_are_those_of_the_rows(report: dict[str, Any]) -> None:
    rows = {**report["models"], "the best single network": report["models"][report["ensemble"]["best"][0]]}
    for label, metrics in report["ensemble"]["differences"].items():
        first, second = label.split(" − ")
        if first == "ensemble":
            for name, difference in metrics.items():
                expected = rows["ensemble"][name]["value"] - rows[second][name]["value"]
                assert difference["value"] == pytest.approx(expected, abs=2e-6)
    assert {"ensemble − ensemble, weighted", "ensemble − ensemble, vote"} <= set(report["ensemble"]["differences"])


def test_a_row_from_scratch_is_what_that_network_says(compared: Any, report: dict[str, Any], labels: Path) -> None:
    with labels.open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == "test"]
    shares = np.array([[float(row["anger"]), float(row["sadness"])] for row in rows])
    for name in BACKBONES:
        member = finished_member(compared.out / "from-scratch" / name)
        assert member is not None
        found = report["baselines"][f"{name}, from scratch"]
        expected = roc_auc_score(shares >= 0.25, member.test, average="macro")
        assert found["macro_auroc"]["value"] == pytest.approx(expected, abs=1e-6)
        edges = np.linspace(0, 1, 16)
        gaps = [np.histogram(p, edges, weights=p - s)[0] for p, s in zip(member.test.T, shares.T, strict=True)]
        assert found["ece"]["value"] == pytest.approx(np.abs(gaps).sum() / shares.size, abs=1e-6)


def test_calibration_is_told_before_and_after(compared: Any, report: dict[str, Any]) -> None:
    cards = [load_model(compared.out / name)[1] for name in BACKBONES]
    members = [finished_member(compared.out / name) for name in BACKBONES]
    for member, card in zip(members, cards, strict=True):
        assert member is not None
        odds = member.uncalibrated / (1 - member.uncalibrated)
        again = 1 / (1 + odds ** (-1 / np.array(card.temperatures)))
        assert again == pytest.approx(member.test, abs=1e-5)
    ece = report["calibration"]["ece"]
    assert ece["after"]["value"] == pytest.approx(report["metrics"]["ece"]["value"], abs=1e-6)
    assert ece["change"]["value"] == pytest.approx(ece["after"]["value"] - ece["before"]["value"], abs=2e-6)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["compare_seeds=3", "backbones=[test_resnet]"], "test_resnet is the only one"),
        (["seeds=2", "freeze=backbone"], "no seed changes a head alone"),
        (["from_scratch=true", "freeze=backbone"], "needs training of the whole network"),
    ],
)
def test_what_cannot_be_compared_is_refused(
    run: Callable[..., Any], pretrained: Path, tmp_path: Path, words: list[str], told: str
) -> None:
    ran = run(tmp_path / "out", "--from", str(pretrained), *words)
    assert ran.code == 2 and told in ran.told
    assert not (tmp_path / "out").exists()


def test_what_begins_from_scratch_has_no_scratch_to_be_compared_with(run: Callable[..., Any], tmp_path: Path) -> None:
    ran = run(tmp_path / "out", "backbones=[test_resnet]", "crop_s=0.5", "from_scratch=true")
    assert ran.code == 2 and "begins from scratch as it is" in ran.told
