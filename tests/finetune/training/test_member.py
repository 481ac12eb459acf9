"""One member: what is frozen stays, what does not help is undone, and what is saved is what was scored."""

import math
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
import torch
from safetensors.torch import load_file
from scipy.special import expit
from torch import Tensor

from emoclr.corpus.clips.clip_table import Clip
from emoclr.corpus.decoded.waveforms import open_waveforms
from emoclr.corpus.labels.division import speaker_task
from emoclr.corpus.labels.label_table import LabelTable
from emoclr.evaluate.speaker_probe import voice_hits
from emoclr.finetune.data.labeled_clips import Task
from emoclr.finetune.model.checkpoint import load_model
from emoclr.finetune.settings import FinetuneSettings
from emoclr.finetune.training.head import fit_head
from emoclr.finetune.training.member import Member, train_member
from emoclr.pretrain.data.unreadable_clips import TooManyUnreadable
from emoclr.pretrain.encoder.checkpoint import load_encoder
from emoclr.pretrain.encoder.embedding import embed_clips

Train = Callable[..., tuple[Member, dict[str, Tensor]]]
BACKBONE = "test_resnet"


@pytest.fixture
def train(pretrained: Path, task: Task, settings: Callable[..., FinetuneSettings], tmp_path: Path) -> Train:
    """Returns train(audio_pretrained=True, task=..., **settings) -> the member, and the saved tensors."""

    def call(audio_pretrained: bool = True, task: Task = task, **changes: object) -> tuple[Member, dict[str, Tensor]]:
        encoder, _ = load_encoder(pretrained / BACKBONE)
        folder = tmp_path / BACKBONE
        member = train_member(folder, encoder, task, settings(**changes), 0.5, "it", audio_pretrained=audio_pretrained)
        return member, load_file(folder / "model.safetensors")

    return call


@pytest.fixture
def score_epochs(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Returns score(*scores): the network's macro AUROC on validation, epoch by epoch, is what the test says."""

    def script(*scores: float) -> None:
        given = iter(scores)
        monkeypatch.setattr("emoclr.finetune.training.network.macro_auroc", lambda *_: next(given))

    return script


def changed(pretrained: Path, saved: dict[str, Tensor]) -> dict[str, bool]:
    """Returns for each tensor of the encoder whether it is another than before, bit for bit."""
    before = load_file(pretrained / BACKBONE / "encoder.safetensors")
    assert {f"encoder.{name}" for name in before} == {name for name in saved if name.startswith("encoder.")}
    return {name: not torch.equal(tensor, saved[f"encoder.{name}"]) for name, tensor in before.items()}


def test_a_frozen_backbone_stays_bit_for_bit(train: Train, pretrained: Path) -> None:
    member, saved = train(freeze="backbone")
    assert not any(changed(pretrained, saved).values())
    assert member.card.metrics["best_epoch"] == 0
    assert member.test.tolist() == member.head_only.tolist()
    assert saved["head.linear.weight"].abs().sum() > 0


def test_fine_tuning_that_does_not_help_is_undone(
    train: Train, pretrained: Path, score_epochs: Callable[..., None]
) -> None:
    score_epochs(0.0, 0.0)
    member, saved = train(epochs=3, patience=2)
    assert not any(changed(pretrained, saved).values())
    assert member.test.tolist() == member.head_only.tolist()


def test_of_a_network_pretrained_on_sound_the_weights_move_and_the_statistics_stay(
    train: Train, pretrained: Path, score_epochs: Callable[..., None]
) -> None:
    score_epochs(2.0)
    member, saved = train(epochs=1)
    assert member.card.metrics == {"validation_macro_auroc": 2.0, "best_epoch": 1}
    moved = changed(pretrained, saved)
    assert not any(moved[name] for name in moved if "running_" in name or "num_batches" in name)
    assert all(moved[name] for name in moved if name.endswith("conv1.weight"))


def test_of_any_other_network_the_statistics_move_in_the_first_epoch_already(
    train: Train, pretrained: Path, score_epochs: Callable[..., None]
) -> None:
    score_epochs(2.0)
    _, saved = train(audio_pretrained=False, epochs=1)
    moved = changed(pretrained, saved)
    assert all(moved[name] for name in moved if "running_" in name)
    assert (
        saved["encoder.backbone.bn1.num_batches_tracked"] == 2 * 3
    )  # before the head is fitted, and the steps of an epoch


def test_the_head_that_training_begins_with_was_fitted_to_what_training_hears(
    train: Train, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without pretraining, each batch normalises itself; under other statistics the first loss is in the hundreds."""
    train(audio_pretrained=False, epochs=1, learning_rate=1e-9)
    (loss,) = re.findall(r"step 3 of 3  loss ([0-9.]+)", capsys.readouterr().err)
    assert float(loss) < 2


@pytest.mark.parametrize("epochs", [0, 1])
def test_what_is_saved_says_what_was_scored(
    train: Train, score_epochs: Callable[..., None], task: Task, epochs: int
) -> None:
    score_epochs(2.0 * epochs)
    member, _ = train(epochs=1)
    assert member.card.metrics["best_epoch"] == epochs
    model, card = load_model(member.folder)
    logits = embed_clips(model, task.store, card.window_s, card.hop_s, task.test)
    assert expit(logits / np.array(card.temperatures)) == pytest.approx(member.test, abs=1e-4)


def test_temperatures_are_tuned_on_validation_alone(train: Train, task: Task) -> None:
    member, _ = train(freeze="backbone")
    others = replace(task, targets=task.targets.copy())
    others.targets[task.test] = 1 - others.targets[task.test]
    assert train(task=others, freeze="backbone")[0].card.temperatures == member.card.temperatures


@pytest.mark.parametrize("shares", [(0.3, 0.1), (0.05, 0.6)])
def test_weights_of_presence_leave_no_bias_in_the_probabilities(
    train: Train, tmp_path: Path, shares: tuple[float, float]
) -> None:
    """Where all clips are one, the only calibrated answer is the share itself."""
    noise = np.random.default_rng(0).normal(size=8_000) * 0.1
    sf.write(tmp_path / "one.wav", noise, 16_000)
    store = open_waveforms([Clip(tmp_path / "one.wav", speaker=f"s{n}") for n in range(12)], tmp_path / "cache")
    rows = np.arange(12)
    targets = np.tile(np.array(shares, dtype=np.float32), (12, 1))
    alike = Task(store, ["anger", "sadness"], targets, rows[:6], rows[6:9], rows[9:])
    member, _ = train(task=alike, freeze="backbone", max_positive_weight=5)
    assert member.card.temperatures == pytest.approx([1.0, 1.0], abs=0.01)
    assert member.test == pytest.approx(targets[9:], abs=2e-3)
    assert math.isnan(member.card.metrics["validation_macro_auroc"])  # and is written, and read again
    assert load_model(member.folder)[1].temperatures == member.card.temperatures


@pytest.mark.parametrize("loss", ["bce", "focal"])
def test_no_loss_leaves_a_bias_in_the_probabilities(train: Train, task: Task, loss: str) -> None:
    """A probability whose temperature is tuned is right on average, on the clips it was tuned on."""
    some = replace(task, targets=task.targets / 2)
    member, _ = train(task=some, freeze="backbone", loss=loss)
    assert member.validation.mean(0) == pytest.approx(some.targets[task.validation].mean(0), abs=0.05)


def test_training_does_not_depend_on_the_number_of_workers(train: Train, score_epochs: Callable[..., None]) -> None:
    score_epochs(2.0, 2.0)
    (_, alone), (_, helped) = train(epochs=1), train(workers=1, epochs=1)
    assert all(torch.equal(tensor, helped[name]) for name, tensor in alone.items())


def test_the_speaker_probe_asks_the_encoder_before_and_after(
    train: Train, table: LabelTable, task: Task, pretrained: Path, score_epochs: Callable[..., None]
) -> None:
    voices = speaker_task(table, 0)
    assert voices is not None
    score_epochs(2.0)
    member, _ = train(task=replace(task, voices=voices), epochs=1, learning_rate=0.01)
    before, after = (
        embed_clips(encoder, task.store, 0.5, 0.25)
        for encoder in (load_encoder(pretrained / BACKBONE)[0], load_model(member.folder)[0].encoder)
    )
    assert not np.allclose(before, after, rtol=0.01)
    assert member.voices_before.tolist() == voice_hits(before, voices, 0).tolist()
    assert member.voices.tolist() == voice_hits(after, voices, 0).tolist()


def test_where_speakers_are_not_known_there_is_no_speaker_probe(train: Train) -> None:
    member, _ = train(freeze="backbone")
    assert member.voices.size == member.voices_before.size == 0


def test_windows_overlap_by_half_unless_told_otherwise(train: Train) -> None:
    member, _ = train(freeze="backbone")
    assert (member.card.window_s, member.card.hop_s) == (0.5, 0.25)
    assert train(freeze="backbone", hop_s=3.0)[0].card.hop_s == 0.5  # no gaps


def test_a_member_is_trained_again_bit_for_bit_from_its_seed(train: Train, score_epochs: Callable[..., None]) -> None:
    score_epochs(2.0, 2.0)
    (_, first), (_, second) = train(epochs=1, seed=3), train(epochs=1, seed=3)
    assert all(torch.equal(tensor, second[name]) for name, tensor in first.items())


def test_clips_lost_in_training_end_it_where_they_are_more_than_asked(
    train: Train, task: Task, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [tmp_path / f"{clip:02}.wav" for clip in range(len(task.store))]
    for clip, path in enumerate(paths):
        sf.write(path, task.store.waveform(clip), 16_000)
    store = open_waveforms([Clip(path) for path in paths], tmp_path / "cache", 1, cache_gb=0)

    def fit_and_lose(*given: object) -> float:
        paths[int(task.train[0])].unlink(missing_ok=True)
        return fit_head(*given)  # type: ignore[arg-type]

    monkeypatch.setattr("emoclr.finetune.training.member.fit_head", fit_and_lose)
    with pytest.raises(TooManyUnreadable, match=r"the share of 0\.07 that max_lost allows"):
        train(task=replace(task, store=store), max_lost=0.07)
