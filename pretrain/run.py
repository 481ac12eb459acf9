"""A pretraining run: the corpus once, then every backbone in turn."""

from pathlib import Path

import numpy as np
import torch
from pydantic import Field

from augment.views import ViewMaker
from configs.console import say
from configs.errors import ConfigError, EmoclrError
from configs.files import write_text, write_yaml
from configs.settings import Settings
from corpus.waveforms import WaveformStore, clips_from, open_waveforms
from pretrain.callbacks import RESUME, Progress, Saver
from pretrain.checkpoint import CARD, EncoderCard, load_card, package_versions, save_encoder
from pretrain.data import VIEWS, BatchOrder, ViewDataset, ViewLoader, default_workers
from pretrain.encoder import Encoder, EncoderSettings, Normalisation, check_backbone_name
from pretrain.module import ContrastiveModule
from pretrain.normalisation import measure_normalisation
from pretrain.settings import FREE_TO_CHANGE, PretrainSettings
from pretrain.trainer import fit, make_trainer

RUN = "run.yaml"
SET_ASIDE = "set-aside.txt"


class Interrupted(EmoclrError):
    """The run was asked to stop, and saved."""

    exit_code = 130


class RunCard(Settings):
    """What `run.yaml` holds: with the data, enough to repeat the run."""

    settings: PretrainSettings
    corpus_fingerprint: str
    clips: int
    hours: float
    set_aside: int
    normalisation: Normalisation
    warnings: list[str] = []
    versions: dict[str, str] = Field(default_factory=package_versions)


def pretrain(settings: PretrainSettings, *, resume: bool = False) -> list[Path]:
    """Trains every backbone of the settings and returns their folders.

    Args:
        settings: the run.
        resume: continue what stands in `settings.out`; finished backbones are left as they are.

    Raises:
        ConfigError: timm has no such backbone, a run is in the way, the settings differ from the run to resume, or the
            corpus is too small.
        EmoclrError: nothing could be read, or the run failed; the message says what to do.
        Interrupted: Ctrl-C or SIGTERM; everything is saved.
    """
    out = settings.out
    for name in settings.backbones:
        check_backbone_name(name)
    previous = _previous_run(out, settings, resume)
    clips = clips_from(settings.data, settings.splits)
    store = open_waveforms(clips, settings.cache)
    _report_corpus(store, settings)
    if previous and previous.corpus_fingerprint != store.fingerprint:
        raise ConfigError(
            f"{out / RUN}: the recordings are not those the run began with ({previous.clips} clips then, "
            f"{len(store)} now, or changed files); start a new run with another out="
        )
    if previous is None:
        run = RunCard(
            settings=settings,
            corpus_fingerprint=store.fingerprint,
            clips=len(store),
            hours=round(float(store.durations_s.sum()) / 3600, 3),
            set_aside=len(store.failures),
            normalisation=measure_normalisation(store, _view_maker(settings), settings.spectrogram),
            warnings=settings.augment.unsafe,
        )
        write_yaml(out / RUN, run.model_dump(mode="json"))
        if store.failures:
            rows = "".join(f"{failure.path}: {failure.reason}\n" for failure in store.failures)
            write_text(out / SET_ASIDE, rows)
    else:
        # What may have changed is the way to the end; the run folder says what was asked for last.
        run = previous.model_copy(update={"settings": settings})
        write_yaml(out / RUN, run.model_dump(mode="json"))
    return [_train(name, settings, store, run, resume) for name in settings.backbones]


def _train(name: str, settings: PretrainSettings, store: WaveformStore, run: RunCard, resume: bool) -> Path:
    folder = settings.out / name
    torch.manual_seed(settings.seed)
    encoder = Encoder(
        EncoderSettings(
            backbone=name,
            spectrogram=settings.spectrogram,
            normalisation=run.normalisation,
            time_masks=settings.augment.masks.time_masks,
        ),
        pretrained=settings.pretrained,
    )
    trainer = make_trainer(folder, encoder.backbone, settings, settings.crop_s)
    workers = default_workers() if settings.workers is None else settings.workers
    per_speaker = settings.batch_size // settings.speakers_per_batch if settings.negatives == "same_speaker" else 1

    def order(rank: int, ranks: int) -> BatchOrder:
        return BatchOrder(store.speakers, settings.batch_size, per_speaker, settings.seed, rank, ranks)

    def loader(rank: int, ranks: int) -> ViewLoader:
        return ViewLoader(ViewDataset(store, _view_maker(settings)), order(rank, ranks), steps, workers)

    steps = settings.epochs * order(0, trainer.world_size).batches_per_epoch
    if resume and (folder / CARD).is_file() and load_card(folder / CARD, EncoderCard).step >= steps:
        say(f"{name}: finished before")
        return folder
    module = ContrastiveModule(encoder, settings, steps, loader)
    progress = Progress(
        folder,
        settings.log_every_steps,
        VIEWS * settings.batch_size * trainer.world_size,
        module.metrics,
        lambda metrics: f"accuracy {metrics['contrastive_accuracy']:.2f}  ",
    )

    def save(step: int) -> None:
        latest = progress.rows[-1] if progress.rows else {}
        save_encoder(
            folder,
            encoder,
            crop_s=settings.crop_s,
            corpus_fingerprint=store.fingerprint,
            step=step,
            steps=steps,
            metrics={key: value for key, value in latest.items() if key != "step"},
        )

    saver = Saver(folder, settings.save_every_steps, save)
    say(f"{name}: {steps} steps of {settings.batch_size} clips, {settings.epochs} epochs, {trainer.precision}")
    fit(trainer, module, steps, [progress, saver], _resume_file(folder) if resume else None)
    if saver.stopped:
        raise Interrupted(
            f"{name}: saved at step {trainer.global_step} of {steps}; go on with the same command and --resume"
        )
    return folder


def _view_maker(settings: PretrainSettings) -> ViewMaker:
    rate = settings.spectrogram.sample_rate
    return ViewMaker(settings.augment, round(settings.crop_s * rate), rate, settings.seed)


def _resume_file(folder: Path) -> Path | None:
    path = folder / RESUME
    return path if path.is_file() else None


def _previous_run(out: Path, settings: PretrainSettings, resume: bool) -> RunCard | None:
    """Returns the run in `out` that is resumed, None where there is none.

    Raises:
        ConfigError: there is one and `resume` was not asked for, or its settings differ.
    """
    path = out / RUN
    if not path.is_file():
        return None
    if not resume:
        raise ConfigError(f"{out}: already holds a run; --resume goes on with it, another out= starts a new one")
    previous = load_card(path, RunCard)
    now, then = (
        s.model_dump(mode="json", exclude=set(FREE_TO_CHANGE) | {"out"}) for s in (settings, previous.settings)
    )
    changed = [f"{key}: {then[key]!r} then, {now[key]!r} now" for key in now if now[key] != then[key]]
    if changed:
        raise ConfigError(f"{path}: the run began with other settings; " + "; ".join(changed))
    return previous


def _report_corpus(store: WaveformStore, settings: PretrainSettings) -> None:
    hours = float(store.durations_s.sum()) / 3600
    speakers = int((np.unique(store.speakers) >= 0).sum())
    known = f", {speakers} speakers" if speakers else ", speakers unknown"
    aside = f"; {len(store.failures)} set aside, named in {settings.out / SET_ASIDE}" if store.failures else ""
    say(f"{len(store)} clips, {hours:.2f} h{known}{aside}")
    if len(store) < settings.batch_size:
        raise ConfigError(
            f"batch_size {settings.batch_size}: the corpus has {len(store)} readable clips; a batch needs as many"
        )
