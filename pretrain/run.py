"""A pretraining run: the corpus once, then every backbone in turn."""

import logging
import warnings
from pathlib import Path

import numpy as np
import pytorch_lightning as pl
import torch
from pydantic import Field
from pytorch_lightning.loggers import TensorBoardLogger

from augment.spectrogram import Spectrogram
from augment.views import ViewMaker
from configs.console import say, track
from configs.errors import ConfigError, EmoclrError
from configs.files import write_text, write_yaml
from configs.settings import Settings
from corpus.waveforms import WaveformStore, clips_from, open_waveforms
from pretrain.callbacks import RESUME, AtomicCheckpointIO, Progress, Saver
from pretrain.checkpoint import CARD, EncoderCard, load_card, package_versions, save_encoder
from pretrain.data import VIEWS, BatchOrder, ViewDataset, ViewLoader, default_workers
from pretrain.encoder import Encoder, EncoderSettings, Normalisation
from pretrain.module import ContrastiveModule
from pretrain.precision import choose_precision
from pretrain.settings import FREE_TO_CHANGE, PretrainSettings

RUN = "run.yaml"
NORMALISATION_CLIPS = 1000


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
        ConfigError: a run is in the way, the settings differ from the run to resume, or the corpus is too small.
        EmoclrError: nothing could be read, or the run failed; the message says what to do.
        Interrupted: Ctrl-C or SIGTERM; everything is saved.
    """
    out = settings.out
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
        maker = _view_maker(settings)
        run = RunCard(
            settings=settings,
            corpus_fingerprint=store.fingerprint,
            clips=len(store),
            hours=round(float(store.durations_s.sum()) / 3600, 3),
            set_aside=len(store.failures),
            normalisation=measure_normalisation(store, maker, settings),
            warnings=settings.augment.unsafe,
        )
        write_yaml(out / RUN, run.model_dump(mode="json"))
        if store.failures:
            rows = "".join(f"{failure.path}: {failure.reason}\n" for failure in store.failures)
            write_text(out / "set-aside.txt", rows)
    else:
        run = previous
    return [_train(name, settings, store, run, resume) for name in settings.backbones]


def measure_normalisation(store: WaveformStore, maker: ViewMaker, settings: PretrainSettings) -> Normalisation:
    """Returns mean and standard deviation of each spectrogram channel over up to 1,000 crops of the corpus."""
    rng = np.random.default_rng(settings.seed)
    chosen = rng.permutation(len(store))[:NORMALISATION_CLIPS]
    spectrogram = Spectrogram(settings.spectrogram)
    total, squares, count = torch.zeros(3, dtype=torch.double), torch.zeros(3, dtype=torch.double), 0
    for clip in track(chosen, "measuring levels"):
        start = maker.crop_start(int(store.samples[clip]), 0, int(clip), 0)
        crop = np.resize(store.crop(int(clip), start, maker.crop_samples), maker.crop_samples)
        channels = spectrogram(torch.from_numpy(crop)[None])[0].flatten(1).double()  # (3, bands * N)
        total += channels.sum(dim=1)
        squares += channels.square().sum(dim=1)
        count += channels.shape[1]
    mean = total / count
    std = (squares / count - mean.square()).clamp(min=1e-8).sqrt()
    first, second = ([round(float(value), 5) for value in values] for values in (mean, std))
    return Normalisation.model_validate({"mean": first, "std": second})


def _train(name: str, settings: PretrainSettings, store: WaveformStore, run: RunCard, resume: bool) -> Path:
    folder = settings.out / name
    if resume and (folder / CARD).is_file() and load_card(folder / CARD, EncoderCard).finished:
        say(f"{name}: finished before")
        return folder
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
    folder.mkdir(parents=True, exist_ok=True)
    _quiet_lightning()
    trainer = _trainer(folder, encoder, settings)
    workers = default_workers() if settings.workers is None else settings.workers
    per_speaker = settings.batch_size // settings.speakers_per_batch if settings.negatives == "same_speaker" else 1

    def order(rank: int, ranks: int) -> BatchOrder:
        return BatchOrder(store.speakers, settings.batch_size, per_speaker, settings.seed, rank, ranks)

    def loader(rank: int, ranks: int) -> ViewLoader:
        return ViewLoader(ViewDataset(store, _view_maker(settings)), order(rank, ranks), steps, workers)

    steps = settings.epochs * order(0, trainer.world_size).batches_per_epoch
    trainer.fit_loop.epoch_loop.max_steps = steps
    module = ContrastiveModule(encoder, settings, steps, loader)
    progress = Progress(folder, settings.log_every_steps, VIEWS * settings.batch_size * trainer.world_size)

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
    trainer.callbacks.extend([progress, saver])  # type: ignore[attr-defined]
    say(f"{name}: {steps} steps of {settings.batch_size} clips, {settings.epochs} epochs, {trainer.precision}")
    trainer.fit(module, ckpt_path=_resume_file(folder) if resume else None, weights_only=True)
    if saver.stopped:
        raise Interrupted(
            f"{name}: saved at step {trainer.global_step} of {steps}; go on with the same command and --resume"
        )
    return folder


def _trainer(folder: Path, encoder: Encoder, settings: PretrainSettings) -> pl.Trainer:
    kind = "cuda" if settings.accelerator in ("auto", "gpu", "cuda") and torch.cuda.is_available() else "cpu"
    many = settings.num_nodes > 1 or settings.devices not in ("auto", 1)
    return pl.Trainer(
        max_steps=1,
        accelerator=settings.accelerator,
        devices=settings.devices,
        num_nodes=settings.num_nodes,
        sync_batchnorm=many or torch.cuda.device_count() > 1,
        precision=choose_precision(settings.precision, encoder.backbone, kind),
        logger=TensorBoardLogger(folder, name="", version="tensorboard"),
        plugins=[AtomicCheckpointIO()],
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
    )


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
    say(f"{len(store)} clips, {hours:.2f} h{known}; {len(store.failures)} set aside")
    for failure in store.failures[:5]:
        say(f"  set aside: {failure.path}: {failure.reason}")
    if len(store.failures) > 5:
        say(f"  ... and {len(store.failures) - 5} more, in {settings.out / 'set-aside.txt'}")
    if len(store) < settings.batch_size:
        raise ConfigError(
            f"batch_size {settings.batch_size}: the corpus has {len(store)} readable clips; a batch needs as many"
        )


def _quiet_lightning() -> None:
    for name in ("pytorch_lightning", "lightning.pytorch", "lightning_fabric"):
        logging.getLogger(name).setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module="pytorch_lightning|lightning_fabric")
