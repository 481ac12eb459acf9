"""What there is to train on, as the command prints it and as the run folder lists it."""

from pathlib import Path

from emoclr.configs.console import say
from emoclr.configs.errors import ConfigError
from emoclr.configs.files import write_text
from emoclr.configs.messages import count_of
from emoclr.pretrain.data.sources import Source
from emoclr.pretrain.data.unreadable_clips import SET_ASIDE
from emoclr.pretrain.data.usable_clips import MIN_CLIP_S, left_out_text
from emoclr.pretrain.settings import PretrainSettings


def report_corpus(source: Source, settings: PretrainSettings, ranks: int) -> None:
    """Prints how many clips, hours and speakers there are.

    Raises:
        ConfigError: it does not fill a batch on every rank.
    """
    if not source.steps_per_epoch(ranks):
        needs = f" on each of {ranks} ranks" if ranks > 1 else ""
        left_out = left_out_text(source.left_out)
        raise ConfigError(
            f"batch_size {settings.batch_size}: the corpus has {count_of(source.clips, 'clip')} to train on"
            f"{f' ({left_out} left out)' if left_out else ''}, and a batch needs as many{needs}; "
            f"{_what_fits(source.clips // ranks, settings)}"
        )
    known = f", {count_of(source.speakers, 'speaker')}" if source.speakers else ", speakers unknown"
    aside = f"; {len(source.set_aside):,} set aside, named in {settings.out / SET_ASIDE}" if source.set_aside else ""
    say(f"{count_of(source.clips, 'clip')}, {source.hours:.2f} h{known}{aside}")


def _what_fits(clips: int, settings: PretrainSettings) -> str:
    """Returns the largest batch that so many clips fill, as it is typed."""
    step = settings.speakers_per_batch if settings.negatives != "any" else 1
    if clips < 2:
        return f"add recordings: with sound, of {MIN_CLIP_S:g} s or more, each another one"
    if clips < step:
        return f"batch_size={clips} negatives=any fits"
    return f"batch_size={max(2, clips // step * step)} fits"


def write_set_aside(out: Path, source: Source) -> None:
    """Lists recordings that cannot be read, and clips that turned out unreadable in training."""
    lines = source.set_aside + [
        f"{name}: unreadable in training: {reason}" for name, reason in source.unreadable.items()
    ]
    if lines:
        write_text(out / SET_ASIDE, "".join(f"{line}\n" for line in lines))
