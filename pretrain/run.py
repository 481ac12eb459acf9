"""A pretraining run: the corpus once, then every backbone in turn."""

import itertools
from collections.abc import Iterable, Sequence
from pathlib import Path

from emoclr.augment.waveform import check_transforms
from emoclr.configs.console import track
from emoclr.configs.errors import ConfigError
from emoclr.configs.files import sweep, write_yaml
from emoclr.corpus.decoded.cache_settings import opener
from emoclr.pretrain.backbone import resume_file, train_backbone
from emoclr.pretrain.checks import check_run
from emoclr.pretrain.data.corpus_report import report_corpus, write_set_aside
from emoclr.pretrain.data.sources import open_source
from emoclr.pretrain.encoder.checkpoint import settle
from emoclr.pretrain.encoder.encoder import Encoder, EncoderSettings, check_backbone_name, check_view_size
from emoclr.pretrain.encoder.folders import RUN
from emoclr.pretrain.encoder.initial_weights import (
    earlier_digests,
    earlier_encoders,
    starting_encoder,
    starting_normalisation,
)
from emoclr.pretrain.resume.begin import as_begun, first_card, previous_run, resumed_card
from emoclr.pretrain.resume.run_card import digests_of
from emoclr.pretrain.settings import PretrainSettings
from emoclr.pretrain.training.online_probe import ProbedClips, open_probed_clips
from emoclr.pretrain.training.trainer import count_ranks, is_first_rank


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
    begun = [name for name in settings.backbones if resume and resume_file(out / name)]
    # Past its start, a backbone needs no first weights any more: they may be gone by now, or have trained on.
    earlier = earlier_encoders(settings, [name for name in settings.backbones if name not in begun])
    ranks = _count_ranks(settings)
    # The other processes of a run start after the first, which has left its run.yaml by then.
    first = is_first_rank()
    previous = previous_run(out, settings, resume or not first, allow_change)
    if previous is not None:
        settings = as_begun(settings, previous)
    _check_view_sizes(settings)
    source = open_source(settings)
    report_corpus(source, settings, ranks)
    monitored = _open_monitored(settings)
    digests = digests_of(settings, earlier_digests(earlier))
    if previous is None:
        normalisation = starting_normalisation(earlier) or source.normalisation()
        run = first_card(settings, source, digests, ranks, normalisation)
    else:
        run = resumed_card(previous, settings, source, digests, ranks, allow_change)
    # Labels and first weights come before the card: what fails here has begun no run.
    labels = source.labels()
    encoders: Iterable[Encoder] = (
        starting_encoder(name, settings, run.normalisation, earlier, begun=name in begun) for name in settings.backbones
    )
    encoders = itertools.chain([next(iter(encoders))], encoders)
    if first:
        for folder in (out, *(out / name for name in settings.backbones)):
            sweep(folder)
            settle(folder)
        write_yaml(out / RUN, run.model_dump(mode="json"))
        write_set_aside(out, source)
    try:
        return [train_backbone(encoder, settings, run, source, labels, monitored, resume) for encoder in encoders]
    finally:
        # Where the folder is gone, the run has ended because of that.
        if first and source.unreadable and out.is_dir():
            write_set_aside(out, source)


def _check_names(settings: PretrainSettings) -> None:
    """Raises ConfigError where there is no such backbone, or a transform that is not there or gives no views."""
    for name in settings.backbones:
        check_backbone_name(name)
    rate = settings.spectrogram.sample_rate
    check_transforms(settings.augment.transforms, rate, round(settings.crop_s * rate))


def _count_ranks(settings: PretrainSettings) -> int:
    """Returns how many processes train together.

    Raises:
        ConfigError: one of several may not skip a bad step.
    """
    ranks = count_ranks(settings)
    if ranks > 1 and settings.max_bad_steps:
        raise ConfigError(
            f"max_bad_steps {settings.max_bad_steps}: of {ranks} ranks the others would wait for one that skips "
            "a step; it has to be 0"
        )
    return ranks


def _check_view_sizes(settings: PretrainSettings) -> None:
    """Raises ConfigError where images are too small for a backbone."""
    for name in track(settings.backbones, "trying backbones"):
        tried = Encoder(EncoderSettings(backbone=name, spectrogram=settings.spectrogram))
        check_view_size(tried, settings.crop_s)


def _open_monitored(settings: PretrainSettings) -> ProbedClips | None:
    if settings.monitor is None:
        return None
    return open_probed_clips(
        settings.monitor,
        settings.monitor_clips,
        settings.seed,
        opener(settings),
        settings.positive_share,
        settings.columns.given,
    )
