"""What a run's folder says of the run: enough to repeat it, and what was changed on its way."""

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import Field, model_validator

from emoclr.augment.settings import TransformSettings
from emoclr.configs.errors import ConfigError
from emoclr.configs.settings import Settings
from emoclr.pretrain.encoder.checkpoint import file_sha256
from emoclr.pretrain.encoder.encoder import Normalisation
from emoclr.pretrain.encoder.folders import is_named
from emoclr.pretrain.resume.comparison import changed_values, differences
from emoclr.pretrain.resume.history import Change, extended_history
from emoclr.pretrain.settings import PretrainSettings

AUGMENTATION_FILES = "augment.transforms"
"""Key of the digest of files that transforms draw from."""
PLACES = ("cache", "supervised", "monitor", "start_from")


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

    @model_validator(mode="after")
    def _backbones_lie_in_the_run(self) -> "RunCard":
        for name in [*self.settings.backbones, *self.steps]:
            if Path(name).name != name:
                raise ValueError(f"backbones: {name} is no name of a folder in the run's")
        return self


def placed(settings: PretrainSettings) -> PretrainSettings:
    """Returns settings that name what is read by absolute paths, so that they hold wherever they are used.

    The name of a released model does as it is.
    """
    given = {key: path for key in PLACES if (path := getattr(settings, key)) is not None}
    found: dict[str, Any] = {
        key: path if key == "start_from" and is_named(path) else path.absolute() for key, path in given.items()
    }
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
        labels[AUGMENTATION_FILES] = _files_sha256(settings.augment.transforms)
    return labels | {f"start_from.{name}": digest for name, digest in earlier.items()}


def _files_sha256(transforms: Sequence[TransformSettings]) -> str:
    """Returns the SHA-256 of the names and sizes of all files that transforms draw from."""
    from emoclr.augment.waveform import drawn_files

    listing = hashlib.sha256()
    for transform in transforms:
        for name, files in drawn_files(transform).items():
            for path in files:
                within = os.path.relpath(path, transform.places[name])
                listing.update(f"{within}\0{path.stat().st_size}\n".encode(errors="surrogateescape"))
    return listing.hexdigest()


def resumed(then: RunCard, now: RunCard, steps: dict[str, int]) -> RunCard:
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
    changed |= {f"digests.{key}": pair for key, pair in changed_values(then.digests, now.digests).items()}
    history = extended_history(then.history, then.versions, then.commit, changed, steps)
    return now.model_copy(update={"history": history})
