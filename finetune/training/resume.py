"""Going on with a run that was interrupted: what it was made of, and the members it had finished."""

import hashlib
import json
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from types import FrameType

from pydantic import Field

from emoclr.configs.console import say
from emoclr.configs.errors import ConfigError
from emoclr.configs.files import write_yaml
from emoclr.configs.settings import Settings
from emoclr.corpus.labels.labels import LabelTable
from emoclr.finetune.model.checkpoint import load_model
from emoclr.finetune.model.folders import CARD, ENSEMBLE_CARD
from emoclr.finetune.settings import FREE_TO_CHANGE, FinetuneSettings
from emoclr.finetune.training.member import ANSWERS, Member
from emoclr.pretrain.encoder.checkpoint import load_card, load_tensors, package_versions
from emoclr.pretrain.encoder.folders import CheckpointError

RUN = "run.yaml"
ANSWERED = frozenset(field.name for field in fields(Member)) - {"folder", "card"}


class RunCard(Settings):
    """What `run.yaml` holds: what the members of a run are made of."""

    settings: FinetuneSettings
    corpus_fingerprint: str
    labels_sha256: str
    sources: dict[str, str] = Field(
        description="what each backbone began as: SHA-256 of an encoder's weights, or words"
    )
    versions: dict[str, str] = Field(default_factory=package_versions)


def begin_run(out: Path, now: RunCard, resume: bool) -> None:
    """Writes `run.yaml`: every member that stands in `out` from then on is made as it says.

    Raises:
        ConfigError: a run is in the way, or the one to go on with was made of something else.
        CheckpointError: the `run.yaml` of the run to go on with is damaged.
    """
    previous = previous_run(out, resume)
    if previous is not None:
        _check_same(out / RUN, previous, now)
        now = now.model_copy(update={"sources": previous.sources | now.sources})
    write_yaml(out / RUN, now.model_dump(mode="json"))


def previous_run(out: Path, resume: bool) -> RunCard | None:
    """Returns the run in `out` that goes on, None where no member stands there.

    Raises:
        ConfigError: there is one, and going on with it was not asked for or is not possible.
        CheckpointError: its `run.yaml` is damaged.
    """
    if not any(path for depth in ("*", "*/*", "*/*/*") for path in out.glob(f"{depth}/{CARD}")):
        return None
    if not (out / RUN).is_file():
        raise ConfigError(f"{out}: already holds models, and no {RUN} that says how they were made; give another --out")
    if not resume:
        held = "an ensemble" if (out / ENSEMBLE_CARD).exists() else "models of a run"
        raise ConfigError(f"{out}: already holds {held}; give another --out, or go on with it by --resume")
    return load_card(out / RUN, RunCard)


def finished_member(folder: Path) -> Member | None:
    """Returns the member that this run has finished in `folder`, None where there is none or a file is damaged."""
    if not (folder / CARD).is_file():
        return None
    try:
        _, card = load_model(folder)
        answers = load_tensors(folder / ANSWERS, card.answers_sha256)
        if lacking := ANSWERED - answers.keys():
            raise CheckpointError(f"{folder / ANSWERS}: is of an earlier version, without {', '.join(sorted(lacking))}")
    except CheckpointError as error:
        say(f"{error}\n{folder}: trained anew")
        return None
    return Member(folder, card, **{name: answers[name].numpy() for name in ANSWERED})


def labels_digest(table: LabelTable) -> str:
    """Returns the SHA-256 of everything that labels say of their clips, but for where the files lie."""
    words = [table.emotions, table.speakers, table.splits, table.groups]
    digest = hashlib.sha256(json.dumps(words).encode())
    for numbers in (table.targets, table.start_s, table.end_s):
        digest.update(numbers.tobytes())
    return digest.hexdigest()


@contextmanager
def stopped_by_sigterm() -> Iterator[None]:
    """Lets SIGTERM do what Ctrl-C does."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _check_same(path: Path, then: RunCard, now: RunCard) -> None:
    before, after = (card.settings.model_dump(mode="json", exclude=set(FREE_TO_CHANGE)) for card in (then, now))
    changed = _differences(before, after)
    if changed:
        raise ConfigError(f"{path}: the run began with other settings; {changed}")
    if then.corpus_fingerprint != now.corpus_fingerprint:
        raise ConfigError(f"{path}: the recordings are not those that the run began with; give another --out")
    if then.labels_sha256 != now.labels_sha256:
        raise ConfigError(f"{path}: the labels are not those that the run began with; give another --out")
    changed = _differences(then.sources, now.sources)
    if changed:
        raise ConfigError(f"{path}: the run began from other encoders; {changed}")


def _differences(then: Mapping[str, object], now: Mapping[str, object]) -> str:
    """Returns what both have and differ in, in words."""
    return "; ".join(
        f"{key}: {then[key]!r} then, {now[key]!r} now" for key in then if then[key] != now.get(key, then[key])
    )
