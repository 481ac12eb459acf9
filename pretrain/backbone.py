"""The training of one backbone, with all that happens around its steps."""

from pathlib import Path

from pytorch_lightning import Callback
from torch import Tensor

from emoclr.configs.console import say
from emoclr.configs.errors import EmoclrError
from emoclr.configs.files import write_yaml
from emoclr.configs.messages import count_of
from emoclr.pretrain.data.sources import Source
from emoclr.pretrain.data.views import VIEWS
from emoclr.pretrain.encoder.checkpoint import EncoderCard, load_card, save_encoder
from emoclr.pretrain.encoder.encoder import Encoder
from emoclr.pretrain.encoder.folders import CARD, RUN
from emoclr.pretrain.resume.heard_clips import keep_fingerprints
from emoclr.pretrain.resume.run_card import RunCard
from emoclr.pretrain.resume.signals import Interrupted
from emoclr.pretrain.settings import PretrainSettings
from emoclr.pretrain.training.collapse import CollapseAlarm
from emoclr.pretrain.training.module import ContrastiveModule
from emoclr.pretrain.training.online_probe import OnlineProbe, ProbedClips
from emoclr.pretrain.training.progress import Progress, contrast_in_words
from emoclr.pretrain.training.saver import RESUME, Saver, writing_into
from emoclr.pretrain.training.trainer import fit, is_first_rank, make_trainer, unsynchronised
from emoclr.pretrain.training.training_views import TRAINING_VIEWS, TrainingViews
from emoclr.pretrain.training.unreadable_clips import UnreadableOnAllRanks


def train_backbone(
    encoder: Encoder,
    settings: PretrainSettings,
    run: RunCard,
    source: Source,
    labels: Tensor | None,
    monitored: ProbedClips | None,
    resume: bool,
) -> Path:
    """Trains one backbone and returns its folder; of one that was finished before, only the read-out may change.

    Args:
        encoder: as training begins.
        settings: of the run.
        run: its card, which gets the steps of the backbone and its warnings.
        source: the corpus.
        labels: (clips, emotions) for joint training.
        monitored: clips of the online probe.
        resume: continue from the resume file where there is one.

    Raises:
        EmoclrError: the training failed.
        Interrupted: Ctrl-C or SIGTERM; everything is saved.
    """
    name = encoder.settings.backbone
    folder = settings.out / name
    if is_first_rank():  # another may come here before the first has made the run's folder
        with writing_into(settings.out):
            folder.mkdir(exist_ok=True)
    trainer = make_trainer(folder, encoder.backbone, settings, settings.crop_s)
    steps_per_epoch = source.steps_per_epoch(trainer.world_size)
    steps = settings.epochs * steps_per_epoch
    card = load_card(folder / CARD, EncoderCard) if resume and (folder / CARD).is_file() else None
    saved = card.step if card else 0
    if card and saved >= steps:
        say(f"{name}: finished before, after step {saved:,} of {steps:,}; nothing is trained")
        if card.encoder.readout != settings.readout and is_first_rank():  # which the weights do not know of
            say(f"{name}: readout: {card.encoder.readout} then, {settings.readout} now")
            read_out = card.encoder.model_copy(update={"readout": settings.readout})
            with writing_into(settings.out):
                write_yaml(folder / CARD, card.model_copy(update={"encoder": read_out}).model_dump(mode="json"))
        return folder
    from_file = resume_file(folder) if resume else None
    module = ContrastiveModule(encoder, settings, steps, lambda rank, ranks: source.loader(rank, ranks, steps), labels)
    warning = unsynchronised(trainer, module, settings.batch_size)
    if warning and warning not in run.warnings:
        say(f"warning: {warning}")
        run.warnings.append(warning)
    run.steps[name] = steps
    if is_first_rank():
        with writing_into(settings.out):
            write_yaml(settings.out / RUN, run.model_dump(mode="json"))
            keep_fingerprints(folder, run, source)
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
            channels=settings.channels,
            corpus_fingerprint=source.fingerprint,
            step=step,
            steps=steps,
            metrics={key: value for key, value in latest.items() if key != "step"},
        )

    saver = Saver(folder, settings.save_every_steps, save)
    if saved:
        say(f"{name}: " + (f"goes on after step {saved:,}" if from_file else f"begins anew: there is no {RESUME}"))
    precision = "bf16" if trainer.precision == "bf16-mixed" else "fp32"
    say(f"{name}: {steps} steps of {settings.batch_size} clips, {count_of(settings.epochs, 'epoch')}, {precision}")
    after_warmup = round(settings.warmup * steps)
    clips_per_epoch = steps_per_epoch * settings.batch_size * trainer.world_size
    every = settings.monitor_every * steps_per_epoch
    # The online probe comes before the saver, so that its row is there when a save is.
    probe = [OnlineProbe(folder, monitored, encoder, every, settings.crop_s, settings.seed)] if monitored else []
    callbacks: list[Callback] = [
        progress,
        *probe,
        TrainingViews(settings.out / TRAINING_VIEWS, encoder, settings),
        saver,
        CollapseAlarm(name, after_warmup, settings.stop_on_collapse, lambda: list(progress.records.recent)),
        UnreadableOnAllRanks(steps_per_epoch, clips_per_epoch),
    ]
    fit(trainer, module, steps, callbacks, from_file)
    if saver.stopped:
        raise Interrupted(
            f"{name}: saved at step {trainer.global_step} of {steps}; go on with the same command and --resume"
        )
    if trainer.global_step < steps:
        raise EmoclrError(f"{name}: training ended at step {trainer.global_step} of {steps} without a reason")
    return folder


def resume_file(folder: Path) -> Path | None:
    """Returns the resume file of a backbone's folder, None where there is none."""
    path = folder / RESUME
    return path if path.is_file() else None
