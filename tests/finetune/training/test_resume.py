"""A run that was interrupted goes on with the members it has, and only with what it began with."""

import contextlib
import csv
import json
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from emoclr.finetune.training.module import FinetuneModule
from emoclr.pretrain.encoder.checkpoint import load_encoder, package_versions, save_encoder

FIRST, SECOND = "test_efficientnet", "test_resnet"
Run = Callable[..., Any]


class Crash(Exception):
    """What kills a run without its having a say."""


def crash() -> None:
    raise Crash


def stop_at_once(number: signal.Signals = signal.SIGINT) -> None:
    """The first signal lets a network finish, the second does not."""
    signal.raise_signal(number)
    signal.raise_signal(number)


@contextlib.contextmanager
def in_training_of(backbone: str, act: Callable[[], object]) -> Iterator[None]:
    """A context in which `act` is called within the second training step of one member."""
    step = FinetuneModule.training_step

    def training_step(module: FinetuneModule, batch: Any, batch_idx: int) -> torch.Tensor:
        if module.model.encoder.settings.backbone == backbone and module.global_step == 1:
            act()
        return step(module, batch, batch_idx)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FinetuneModule, "training_step", training_step)
        yield


@pytest.fixture(scope="module")
def stopped(run: Run, pretrained: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The run of `finetuned`, which Ctrl-C stopped in its second member."""
    with in_training_of(SECOND, stop_at_once):
        return run(tmp_path_factory.mktemp("stopped") / "emotions", "--from", str(pretrained), "epochs=2")


@pytest.fixture
def go_on(run: Run, stopped: Any, pretrained: Path, tmp_path: Path) -> Run:
    """Returns go_on(*words, source=..., act=..., **more) -> how a copy of the stopped run ended with --resume."""

    def call(*words: str, source: Path = pretrained, act: Callable[[Path], object] = str, **more: Any) -> Any:
        out = Path(shutil.copytree(stopped.out, tmp_path / "emotions"))
        act(out)
        return run(out, "--from", str(source), "epochs=2", "--resume", *words, **more)

    return call


def made(out: Path) -> dict[str, Any]:
    """What a run leaves, but for times and names."""
    report = json.loads((out / "report/report.json").read_text())
    weights = {name: (out / name / "model.safetensors").read_bytes() for name in (FIRST, SECOND)}
    return {key: report[key] for key in ("metrics", "models", "baselines", "per_emotion", "speaker_probe")} | weights


@pytest.mark.parametrize("end", ["SIGTERM", "crash"])
def test_an_interrupted_run_ends_as_if_it_had_never_stopped(
    finetuned: Any, run: Run, pretrained: Path, tmp_path: Path, end: str
) -> None:
    words = ["--from", str(pretrained), "epochs=2"]
    if end == "crash":
        with in_training_of(SECOND, crash), pytest.raises(Crash):
            run(tmp_path / "emotions", *words)
    else:
        before = signal.getsignal(signal.SIGTERM)
        # The network in training is the last one that finishes.
        with in_training_of(FIRST, lambda: signal.raise_signal(signal.SIGTERM)):
            ran = run(tmp_path / "emotions", *words)
        assert (ran.code, signal.getsignal(signal.SIGTERM)) == (130, before), ran.told
    ran = run(tmp_path / "emotions", *words, "--resume")
    assert ran.code == 0, ran.told
    assert f"{FIRST}: finished before" in ran.told and f"{FIRST}: epoch" not in ran.told
    assert f"{SECOND}: epoch 2" in ran.told
    assert made(ran.out) == made(finetuned.out)


def test_ctrl_c_says_what_is_saved_and_how_to_go_on(stopped: Any) -> None:
    assert stopped.code == 130
    assert stopped.told.endswith(
        "stopped; 1 of 2 members are finished and saved; go on with the same command and --resume\n"
    )
    assert (stopped.out / FIRST / "model.yaml").is_file() and not (stopped.out / SECOND / "model.yaml").exists()


def test_a_finished_run_stays_as_it_is(finetuned: Any, run: Run, pretrained: Path, tmp_path: Path) -> None:
    out = Path(shutil.copytree(finetuned.out, tmp_path / "emotions"))
    ran = run(out, "--from", str(pretrained), "epochs=2", "--resume")
    assert ran.code == 0, ran.told
    assert all(f"{name}: finished before" in ran.told for name in (FIRST, SECOND))
    assert made(out) == made(finetuned.out)


def test_without_resume_what_is_finished_is_not_written_over(run: Run, stopped: Any, pretrained: Path) -> None:
    before = (stopped.out / FIRST / "model.safetensors").read_bytes()
    ran = run(stopped.out, "--from", str(pretrained), "epochs=2")
    assert ran.code == 2
    assert f"{stopped.out}: already holds models of a run; give another --out, or go on with it by --resume" in ran.told
    assert (stopped.out / FIRST / "model.safetensors").read_bytes() == before


@pytest.mark.parametrize("name", ["model.safetensors", "answers.safetensors"])
def test_a_damaged_member_is_named_and_trained_anew(finetuned: Any, go_on: Run, name: str) -> None:
    def damage(out: Path) -> None:
        content = (out / FIRST / name).read_bytes()
        (out / FIRST / name).write_bytes(content[: len(content) // 2])

    ran = go_on(act=damage)
    assert ran.code == 0, ran.told
    assert f"{ran.out / FIRST / name}: is not the file that its card describes" in ran.told
    assert f"{ran.out / FIRST} is trained anew" in ran.told
    assert made(ran.out) == made(finetuned.out)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("learning_rate=0.001", "learning_rate: 0.0003 then, 0.001 now"),
        ("seed=1", "seed: 0 then, 1 now"),
        ("ensemble=vote", "ensemble: 'mean' then, 'vote' now"),
    ],
)
def test_a_run_does_not_go_on_with_other_settings(go_on: Run, change: str, told: str) -> None:
    ran = go_on(change)
    assert ran.code == 2
    assert f"{ran.out / 'run.yaml'}: the run began with other settings; {told}" in ran.told
    assert not (ran.out / "ensemble.yaml").exists()


def test_a_run_goes_on_with_fewer_backbones_more_workers_and_more_resamples(go_on: Run) -> None:
    ran = go_on(f"backbones=[{FIRST}]", "workers=1", "bootstrap_resamples=30")
    assert ran.code == 0, ran.told
    assert f"{FIRST}: finished before" in ran.told and SECOND not in ran.told


def test_a_run_does_not_go_on_from_another_encoder(go_on: Run, pretrained: Path, tmp_path: Path) -> None:
    source = Path(shutil.copytree(pretrained, tmp_path / "pretrained"))
    encoder, card = load_encoder(source / SECOND)
    torch.nn.init.ones_(next(encoder.parameters()))
    save_encoder(source / SECOND, encoder, crop_s=card.crop_s, corpus_fingerprint="abc", step=2, steps=2)
    ran = go_on(source=source)
    assert ran.code == 2
    assert f"{ran.out / 'run.yaml'}: the initial weights of {SECOND} are not those the run began with (" in ran.told


def test_a_run_does_not_go_on_with_other_labels(go_on: Run, labels: Path, write_table: Callable[..., Path]) -> None:
    with labels.open(newline="") as file:
        head, first, *rows = csv.reader(file)
    first[1] = "0.5"
    ran = go_on(data=write_table(labels.with_name("changed.csv"), head, [first, *rows]))
    assert ran.code == 2
    assert f"{ran.out / 'run.yaml'}: the labels are not those the run began with" in ran.told


def test_what_a_killed_write_left_goes(go_on: Run) -> None:
    left = ["{}/.run.yaml.x.tmp", "{}/test_resnet/.model.safetensors.x.tmp", "{}/report/.report.json.x.tmp"]

    def leave(out: Path) -> None:
        for name in left:
            path = Path(name.format(out))
            path.parent.mkdir(exist_ok=True)
            path.touch()

    ran = go_on(act=leave)
    assert ran.code == 0, ran.told
    assert not list(ran.out.rglob(".*"))


def test_a_damaged_run_card_is_named(go_on: Run) -> None:
    ran = go_on(act=lambda out: (out / "run.yaml").write_text("colour: red"))
    assert ran.code == 1 and f"error: {ran.out / 'run.yaml'}: " in ran.told


def test_a_run_that_finished_nothing_is_in_nobodys_way(run: Run, pretrained: Path, tmp_path: Path) -> None:
    words = ["--from", str(pretrained / SECOND)]
    with in_training_of(SECOND, stop_at_once):
        assert run(tmp_path / "emotions", *words, "epochs=2").code == 130
    assert run(tmp_path / "emotions", *words, "epochs=1").code == 0


def test_a_run_whose_card_an_earlier_version_wrote_goes_on(finetuned: Any, go_on: Run) -> None:
    card = yaml.safe_load(Path(__file__).with_name("run-0.1.yaml").read_text())

    def write_as_before(out: Path) -> None:
        made = yaml.safe_load((out / "run.yaml").read_text())
        own = {key: made[key] for key in ("corpus_fingerprint", "labels_sha256", "sources")}
        (out / "run.yaml").write_text(yaml.safe_dump({**card, **own}))

    ran = go_on(act=write_as_before)
    assert ran.code == 0, ran.told
    assert f"{FIRST}: finished before" in ran.told
    assert made(ran.out) == made(finetuned.out)
    now = yaml.safe_load((ran.out / "run.yaml").read_text())
    assert now["versions"] == card["versions"]
    (change,) = now["history"]
    assert change["versions"] == package_versions()
    assert change["differences"] == {"channels": [None, "auto"]}  # then: as in pretraining
