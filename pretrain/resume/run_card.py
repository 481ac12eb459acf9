"""What a run's folder says of the run: enough to repeat it, and what was changed on its way."""

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import Field

from emoclr.augment.settings import TransformSettings
from emoclr.configs.errors import ConfigError
from emoclr.configs.settings import Settings
from emoclr.pretrain.encoder.checkpoint import file_sha256, git_commit, package_versions
from emoclr.pretrain.encoder.encoder import Normalisation
from emoclr.pretrain.resume.changes import differences
from emoclr.pretrain.settings import PretrainSettings

RUN = "run.yaml"
DRAWN = "augment.transforms"
"""Key of the digest of files that transforms draw from."""
PLACES = ("cache", "supervised", "monitor", "start_from")


class Change(Settings):
    """How a run went on otherwise than before."""

    steps: dict[str, int] = Field({}, description="of each backbone when it went on")
    differences: dict[str, list[Any]] = Field({}, description="then and now, of each setting and of the recordings")
    versions: dict[str, str] = Field({}, description="it went on with")
    commit: str | None = Field(None, description="it went on with")


class RunCard(Settings):
    """What `run.yaml` holds: with the data, enough to repeat the run."""

    settings: PretrainSettings
    corpus_fingerprint: str
    clips: int
    hours: float
    speakers: int = 0
    set_aside: int
    digests: dict[str, str] = Field(
        {}, description="SHA-256 of labels for joint training, of weights it starts from, of a list of noises"
    )
    ranks: int | None = Field(None, description="processes that train together")
    steps: dict[str, int] = Field({}, description="of each backbone that was begun")
    normalisation: Normalisation
    warnings: list[str] = []
    versions: dict[str, str] = Field({}, description="the run began with; `history` has later ones")
    commit: str | None = None
    history: list[Change] = Field([], description="how it went on otherwise than before, the latest last")


def placed(settings: PretrainSettings) -> PretrainSettings:
    """Returns settings that name what is read by absolute paths, so that they hold wherever they are used."""
    found: dict[str, Any] = {key: path.absolute() for key in PLACES if (path := getattr(settings, key)) is not None}
    data = [place.absolute() if isinstance(place, Path) else place for place in settings.data]
    return settings.model_copy(update={**found, "data": data})


def digests_of(settings: PretrainSettings, earlier: dict[str, str]) -> dict[str, str]:
    """Returns the SHA-256 of what is learned from beside the recordings.

    Of the files that transforms draw from, such as noises, it is that of their names and sizes.

    Args:
        settings: of the run.
        earlier: digest of the weights that each backbone starts from.

    Raises:
        ConfigError: the labels cannot be read.
    """
    labels = {}
    if settings.supervised:
        try:
            labels["supervised"] = file_sha256(settings.supervised)
        except OSError as error:
            raise ConfigError(
                f"supervised: {settings.supervised}: cannot be read: {error.strerror or error}"
            ) from error
    if any(transform.places for transform in settings.augment.transforms):
        labels[DRAWN] = _drawn_sha256(settings.augment.transforms)
    return labels | {f"start_from.{name}": digest for name, digest in earlier.items()}


def _drawn_sha256(transforms: Sequence[TransformSettings]) -> str:
    """Returns the SHA-256 of the names and sizes of all files that transforms draw from."""
    from emoclr.augment.waveform import drawn_files

    listing = hashlib.sha256()
    for transform in transforms:
        for name, files in drawn_files(transform).items():
            for path in files:
                within = os.path.relpath(path, transform.places[name])
                listing.update(f"{within}\0{path.stat().st_size}\n".encode(errors="surrogateescape"))
    return listing.hexdigest()


def check_learned_from(then: RunCard, now: RunCard, allowed: Sequence[str], path: Path) -> None:
    """Refuses other recordings, labels, first weights or ranks than those a run began with.

    Args:
        then: the card of the run.
        now: the card that it would get.
        allowed: settings that may differ.
        path: of the card, for messages.

    Raises:
        ConfigError: something differs, and none of `allowed` names it.
    """
    if then.corpus_fingerprint != now.corpus_fingerprint and "data" not in allowed:
        raise ConfigError(
            f"{path}: the recordings are not those the run began with ({then.clips} clips then, {now.clips} now, or "
            "changed files); --allow-change data goes on with these, another out= starts a new run"
        )
    for key in _other_digests(then, now):
        if key.startswith("start_from"):
            raise ConfigError(
                f"{path}: {key}: these are not the weights the run began with (SHA-256 differs): put them back, or "
                "start a new run with another out="
            )
        if not any(key == of or key.startswith(f"{of}.") for of in allowed):
            what, how = ("files", "names or sizes differ") if key == DRAWN else ("labels", "SHA-256 differs")
            raise ConfigError(
                f"{path}: {key}: these are not the {what} the run began with ({how}); --allow-change {key} "
                "goes on with them, another out= starts a new run"
            )
    if then.ranks not in (None, now.ranks) and "devices" not in allowed:
        raise ConfigError(
            f"{path}: {then.ranks} processes trained together then, {now.ranks} now, so that batches are others: "
            "set devices and num_nodes accordingly; --allow-change devices goes on with these"
        )


def _other_digests(then: RunCard, now: RunCard) -> list[str]:
    return [key for key, digest in now.digests.items() if then.digests.get(key, digest) != digest]


def went_on(then: RunCard, now: RunCard, steps: dict[str, int]) -> RunCard:
    """Returns the card of a run that goes on, with what has changed at the end of its history.

    Args:
        then: the card it had.
        now: with the settings and the recordings it goes on with.
        steps: of each backbone that was saved.
    """
    changed = differences(placed(then.settings), placed(now.settings))
    changed.pop("out", None)  # a folder that was moved is the same run
    for key in ("corpus_fingerprint", "ranks"):
        before, after = getattr(then, key), getattr(now, key)
        if before != after and before is not None:
            changed[key] = [before, after]
    changed |= {f"digests.{key}": [then.digests[key], now.digests[key]] for key in _other_digests(then, now)}
    versions, commit = package_versions(), git_commit()
    latest: Change | RunCard = then.history[-1] if then.history else then
    if not changed and (latest.versions, latest.commit) == (versions, commit):
        return now
    change = Change(steps=steps, differences=changed, versions=versions, commit=commit)
    return now.model_copy(update={"history": [*then.history, change]})
