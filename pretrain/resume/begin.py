"""The card of a run as it begins, and as it goes on."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from emoclr.augment.settings import image_as_begun
from emoclr.configs.console import say
from emoclr.pretrain.checks import check_free
from emoclr.pretrain.data.sources import Source
from emoclr.pretrain.encoder.checkpoint import EncoderCard, git_commit, load_card, package_versions
from emoclr.pretrain.encoder.encoder import Normalisation
from emoclr.pretrain.encoder.folders import CARD, RUN
from emoclr.pretrain.resume.changes import check_changes, check_inputs
from emoclr.pretrain.resume.run_card import RunCard, placed, resumed
from emoclr.pretrain.settings import PretrainSettings


def previous_run(out: Path, settings: PretrainSettings, resume: bool, allow_change: Sequence[str]) -> RunCard | None:
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
    check_changes(placed(previous.settings), placed(as_begun(settings, previous)), allow_change, path)
    return previous


def as_begun(settings: PretrainSettings, previous: RunCard) -> PretrainSettings:
    """Returns settings for a run that goes on, with its image where they name no other."""
    image = image_as_begun(settings.spectrogram, previous.settings.spectrogram)
    return settings.model_copy(update={"spectrogram": image})


def first_card(
    settings: PretrainSettings, source: Source, digests: dict[str, str], ranks: int, normalisation: Normalisation
) -> RunCard:
    """Returns the card of a run that begins.

    Args:
        settings: of the run.
        source: the corpus.
        digests: of what is learned from beside the recordings.
        ranks: processes that train together.
        normalisation: of the spectrograms.
    """
    return RunCard(
        settings=placed(settings),
        **_of_corpus(source),
        digests=digests,
        ranks=ranks,
        normalisation=normalisation,
        warnings=_warnings(settings),
        versions=package_versions(),
        commit=git_commit(),
    )


def resumed_card(
    previous: RunCard,
    settings: PretrainSettings,
    source: Source,
    digests: dict[str, str],
    ranks: int,
    allow_change: Sequence[str],
) -> RunCard:
    """Returns the card of a run that goes on: what was asked for last, and in its history what was before.

    Raises:
        ConfigError: what is learned from differs, and that is not allowed.
    """
    out = settings.out
    update = {"settings": placed(settings), "digests": previous.digests | digests, "ranks": ranks}
    now = previous.model_copy(update={**update, **_of_corpus(source)})
    check_inputs(previous, now, allow_change, out / RUN)
    return resumed(previous, now, _saved_steps(out, settings))


def _saved_steps(out: Path, settings: PretrainSettings) -> dict[str, int]:
    """Returns the step at which each backbone was saved, of those that were."""
    cards = {name: out / name / CARD for name in settings.backbones}
    return {name: load_card(card, EncoderCard).step for name, card in cards.items() if card.is_file()}


def _warnings(settings: PretrainSettings) -> list[str]:
    """Returns what to know of a run before trusting it; the command printed what concerns augmentation."""
    found = [f"unsafe augmentation: {warning}" for warning in settings.augment.unsafe]
    if settings.optimizer == "lars" and not settings.weight_decay:
        warning = "optimizer=lars with weight_decay=0 is plain SGD: lightly scales no layer that does not decay"
        say(f"warning: {warning}")
        found.append(warning)
    return found


def _of_corpus(source: Source) -> dict[str, Any]:
    """Returns what a run's card says of its recordings."""
    return {
        "corpus_fingerprint": source.fingerprint,
        "clips": source.clips,
        "hours": round(source.hours, 3),
        "speakers": source.speakers,
        "set_aside": len(source.set_aside),
    }
