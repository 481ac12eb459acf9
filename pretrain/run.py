"""A pretraining run: the corpus once, then every backbone in turn."""

import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pytorch_lightning import Callback
from torch import Tensor

from emoclr.augment.waveform import WaveformAugmentation
from emoclr.configs.console import say, track
from emoclr.configs.errors import ConfigError, EmoclrError
from emoclr.configs.files import sweep, write_text, write_yaml
from emoclr.pretrain.checks import check_free, check_run
from emoclr.pretrain.data.sources import Source, open_source
from emoclr.pretrain.data.unreadable_clips import SET_ASIDE
from emoclr.pretrain.data.views import VIEWS
from emoclr.pretrain.encoder.checkpoint import (
    EncoderCard,
    git_commit,
    load_card,
    package_versions,
    save_encoder,
    settle,
)
from emoclr.pretrain.encoder.encoder import Encoder, EncoderSettings, check_backbone_name, check_view_size
from emoclr.pretrain.encoder.folders import CARD, RUN
from emoclr.pretrain.encoder.initial_weights import (
    earlier_digests,
    earlier_encoders,
    starting_encoder,
    starting_normalisation,
)
from emoclr.pretrain.resume.changes import check_changes, check_inputs
from emoclr.pretrain.resume.run_card import RunCard, digests_of, placed, resumed
from emoclr.pretrain.resume.signals import Interrupted
from emoclr.pretrain.settings import PretrainSettings
from emoclr.pretrain.training.collapse import CollapseAlarm
from emoclr.pretrain.training.module import ContrastiveModule
from emoclr.pretrain.training.online_probe import OnlineProbe, ProbedClips, open_probed_clips
from emoclr.pretrain.training.progress import Progress, contrast_in_words
from emoclr.pretrain.training.saver import RESUME, Saver, writing_into
from emoclr.pretrain.training.trainer import count_ranks, fit, is_first_rank, make_trainer, unsynchronised
from emoclr.pretrain.training.training_views import TRAINING_VIEWS, TrainingViews
from emoclr.pretrain.training.unreadable_clips import UnreadableOnAllRanks


def pretrain(settings: PretrainSettings, *, resume: bool = False, allow_change: Sequence[str] = ()) -> list[Path]:
    """Trains every backbone of the settings and returns their folders.

    Args:
        settings: the run.
        resume: continue what stands in `settings.out`; finished backbones are left as they are.
        allow_change: settings that may differ from those the run began with; `data` may then be other recordings.

    Raises:
        ConfigError: there is no such backbone, transform or recording, images are too small for a backbone, a run is in
            the way, the settings differ from the run to resume, or the corpus is too small.
        EmoclrError: nothing could be read, or the run failed; the message says what to do.
        Interrupted: Ctrl-C or SIGTERM; everything is saved.

    Examples:
        >>> pretrain(PretrainSettings(data=["nowhere"], out="run", backbones=["test_resnet"]))
        Traceback (most recent call last):
            ...
        emoclr.configs.errors.ConfigError: nowhere: ...
    """
    out = settings.out
    check_run(settings, resume=resume)
    _check_names(settings)
    begun = [name for name in settings.backbones if resume and _resume_file(out / name)]
    # Past its start, a backbone needs no first weights any more: they may be gone by now, or have trained on.
    earlier = earlier_encoders(settings, [name for name in settings.backbones if name not in begun])
    ranks = count_ranks(settings)
    if ranks > 1 and settings.max_bad_steps:
        raise ConfigError(
            f"max_bad_steps {settings.max_bad_steps}: of {ranks} ranks the others would wait for one that skips "
            "a step; it has to be 0"
        )
    # The other processes of a run start after the first, which has left its run.yaml by then.
    first = is_first_rank()
    previous = _previous_run(out, settings, resume or not first, allow_change)
    for name in track(settings.backbones, "trying backbones"):
        tried = Encoder(EncoderSettings(backbone=name, spectrogram=settings.spectrogram))
        check_view_size(tried, settings.crop_s)
    source = open_source(settings)
    _report_corpus(source, settings, ranks)
    monitored = _open_monitored(settings)
    digests = digests_of(settings, earlier_digests(earlier))
    if previous is None:
        run = RunCard(
            settings=placed(settings),
            **_of_corpus(source),
            digests=digests,
            ranks=ranks,
            normalisation=starting_normalisation(earlier) or source.normalisation(),
            warnings=_warnings(settings),
            versions=package_versions(),
            commit=git_commit(),
        )
    else:
        # The run folder says what was asked for last, and in its history what was before.
        update = {"settings": placed(settings), "digests": previous.digests | digests, "ranks": ranks}
        now = previous.model_copy(update={**update, **_of_corpus(source)})
        check_inputs(previous, now, allow_change, out / RUN)
        run = resumed(previous, now, _saved_steps(out, settings))
    # Labels and first weights come before the card: what fails here has begun no run.
    labels = source.labels()
    encoders: Iterator[Encoder] = (
        starting_encoder(name, settings, run.normalisation, earlier, begun=name in begun) for name in settings.backbones
    )
    encoders = itertools.chain([next(encoders)], encoders)
    if first:
        for folder in (out, *(out / name for name in settings.backbones)):
            sweep(folder)
            settle(folder)
        write_yaml(out / RUN, run.model_dump(mode="json"))
        _write_set_aside(out, source)
    try:
        return [_train(encoder, settings, run, source, labels, monitored, resume) for encoder in encoders]
    finally:
        # Where the folder is gone, the run has ended because of that.
        if first and source.unreadable and out.is_dir():
            _write_set_aside(out, source)


def _check_names(settings: PretrainSettings) -> None:
    """Raises ConfigError where there is no such backbone or transform."""
    for name in settings.backbones:
        check_backbone_name(name)
    WaveformAugmentation(settings.augment.transforms, settings.spectrogram.sample_rate)


def _train(
    encoder: Encoder,
    settings: PretrainSettings,
    run: RunCard,
    source: Source,
    labels: Tensor | None,
    monitored: ProbedClips | None,
    resume: bool,
) -> Path:
    name = encoder.settings.backbone
    folder = settings.out / name
    if is_first_rank():  # another may come here before the first has made the run's folder
        with writing_into(settings.out):
            folder.mkdir(exist_ok=True)
    trainer = make_trainer(folder, encoder.backbone, settings, settings.crop_s)
    steps_per_epoch = source.steps_per_epoch(trainer.world_size)
    steps = settings.epochs * steps_per_epoch
    if resume and (folder / CARD).is_file() and load_card(folder / CARD, EncoderCard).step >= steps:
        say(f"{name}: finished before")
        return folder
    module = ContrastiveModule(encoder, settings, steps, lambda rank, ranks: source.loader(rank, ranks, steps), labels)
    warning = unsynchronised(trainer, module, settings.batch_size)
    if warning and warning not in run.warnings:
        say(f"warning: {warning}")
        run.warnings.append(warning)
    run.steps[name] = steps
    if is_first_rank():
        with writing_into(settings.out):
            write_yaml(settings.out / RUN, run.model_dump(mode="json"))
    progress = Progress(
        folder,
        settings.log_every_steps,
        VIEWS * settings.batch_size * trainer.world_size,
        module.metrics,
        contrast_in_words,
    )

    def save(step: int) -> None:
        latest = progress.records.recent[-1] if progress.records.recent else {}
        save_encoder(
            folder,
            encoder,
            crop_s=settings.crop_s,
            corpus_fingerprint=source.fingerprint,
            step=step,
            steps=steps,
            metrics={key: value for key, value in latest.items() if key != "step"},
        )

    saver = Saver(folder, settings.save_every_steps, save)
    say(f"{name}: {steps} steps of {settings.batch_size} clips, {settings.epochs} epochs, {trainer.precision}")
    after_warmup = round(settings.warmup * steps)
    alarm = CollapseAlarm(name, after_warmup, settings.stop_on_collapse, lambda: list(progress.records.recent))
    clips_per_epoch = steps_per_epoch * settings.batch_size * trainer.world_size
    callbacks: list[Callback] = [
        progress,
        TrainingViews(settings.out / TRAINING_VIEWS, encoder, settings),
        saver,
        alarm,
    ]
    callbacks.append(UnreadableOnAllRanks(steps_per_epoch, clips_per_epoch))
    if monitored:
        every = settings.monitor_every * steps_per_epoch
        # Before the saver, so that its row is there when a save is.
        callbacks.insert(1, OnlineProbe(folder, monitored, encoder, every, settings.crop_s, settings.seed))
    fit(trainer, module, steps, callbacks, _resume_file(folder) if resume else None)
    if saver.stopped:
        raise Interrupted(
            f"{name}: saved at step {trainer.global_step} of {steps}; go on with the same command and --resume"
        )
    if trainer.global_step < steps:
        raise EmoclrError(f"{name}: training ended at step {trainer.global_step} of {steps} without a reason")
    return folder


def _saved_steps(out: Path, settings: PretrainSettings) -> dict[str, int]:
    """Returns the step at which each backbone was saved, of those that were."""
    cards = {name: out / name / CARD for name in settings.backbones}
    return {name: load_card(card, EncoderCard).step for name, card in cards.items() if card.is_file()}


def _warnings(settings: PretrainSettings) -> list[str]:
    """Returns what to know of a run before trusting it; what concerns augmentation was told when it was read."""
    found = [f"unsafe augmentation: {warning}" for warning in settings.augment.unsafe]
    if settings.optimizer == "lars" and not settings.weight_decay:
        warning = "optimizer=lars with weight_decay=0 is plain SGD: lightly scales no layer that does not decay"
        say(f"warning: {warning}")
        found.append(warning)
    return found


def _write_set_aside(out: Path, source: Source) -> None:
    """Names what cannot be read, and what turned out unreadable in training."""
    lines = source.set_aside + [
        f"{name}: unreadable in training: {reason}" for name, reason in source.unreadable.items()
    ]
    if lines:
        write_text(out / SET_ASIDE, "".join(f"{line}\n" for line in lines))


def _open_monitored(settings: PretrainSettings) -> ProbedClips | None:
    if settings.monitor is None:
        return None
    return open_probed_clips(
        settings.monitor,
        settings.monitor_clips,
        settings.seed,
        settings.cache,
        settings.cache_gb,
        settings.positive_share,
    )


def _resume_file(folder: Path) -> Path | None:
    path = folder / RESUME
    return path if path.is_file() else None


def _of_corpus(source: Source) -> dict[str, Any]:
    """Returns what a run's card says of its recordings."""
    return {
        "corpus_fingerprint": source.fingerprint,
        "clips": source.clips,
        "hours": round(source.hours, 3),
        "speakers": source.speakers,
        "set_aside": len(source.set_aside),
    }


def _previous_run(out: Path, settings: PretrainSettings, resume: bool, allow_change: Sequence[str]) -> RunCard | None:
    """Returns the run in `out` that is resumed, None where there is none.

    Raises:
        ConfigError: there is one and `resume` was not asked for, or its settings differ where they may not.
    """
    path = out / RUN
    if not path.is_file():
        return None
    if not resume:
        check_free(out)
    previous = load_card(path, RunCard)
    check_changes(placed(previous.settings), placed(settings), allow_change, path)
    return previous


def _report_corpus(source: Source, settings: PretrainSettings, ranks: int) -> None:
    """Tells what there is.

    Raises:
        ConfigError: it does not fill a batch on every rank.
    """
    known = f", {source.speakers} speakers" if source.speakers else ", speakers unknown"
    aside = f"; {len(source.set_aside)} set aside, named in {settings.out / SET_ASIDE}" if source.set_aside else ""
    say(f"{source.clips} clips, {source.hours:.2f} h{known}{aside}")
    if not source.steps_per_epoch(ranks):
        needs = f" on each of {ranks} ranks" if ranks > 1 else ""
        raise ConfigError(
            f"batch_size {settings.batch_size}: the corpus has {source.clips} readable clips, and a batch needs as "
            f"many{needs}; {_what_fits(source.clips // ranks, settings)}"
        )


def _what_fits(clips: int, settings: PretrainSettings) -> str:
    """Returns the largest batch that so many clips fill, as it is typed."""
    step = settings.speakers_per_batch if settings.negatives == "same_speaker" else 1
    if clips < 2:
        return "add recordings"
    if clips < step:
        return f"batch_size={clips} negatives=any fits"
    return f"batch_size={max(2, clips // step * step)} fits"
