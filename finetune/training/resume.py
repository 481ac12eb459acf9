"""Going on with a run that was interrupted: what it was made of, and the members it had finished."""

import hashlib
import json
from dataclasses import fields
from pathlib import Path

from pydantic import Field

from emoclr.augment.settings import image_as_begun
from emoclr.configs.console import say
from emoclr.configs.files import sweep, write_yaml
from emoclr.configs.settings import Settings
from emoclr.corpus.labels.label_table import LabelTable
from emoclr.finetune.checks import run_to_resume
from emoclr.finetune.model.checkpoint import load_model
from emoclr.finetune.model.folders import CARD
from emoclr.finetune.settings import FREE_TO_CHANGE, FinetuneSettings
from emoclr.finetune.training.member import ANSWERS, Member
from emoclr.pretrain.encoder.checkpoint import load_card, package_versions
from emoclr.pretrain.encoder.folders import RUN, CheckpointError
from emoclr.pretrain.encoder.tensors import load_tensors
from emoclr.pretrain.resume.comparison import Resumption, changed_values, clips_compared, differences
from emoclr.pretrain.resume.history import Change, extended_history

ANSWERED = frozenset(field.name for field in fields(Member)) - {"folder", "card"}


class RunCard(Settings):
    """What `run.yaml` holds: what the members of a run are made of."""

    settings: FinetuneSettings
    corpus_fingerprint: str
    clips: int | None = Field(None, description="labelled clips that could be read; unknown of earlier versions")
    labels_sha256: str
    sources: dict[str, str] = Field(
        description="what each backbone began as: SHA-256 of an encoder's weights, or words"
    )
    versions: dict[str, str] = Field(
        default_factory=package_versions, description="the run began with; `history` has later ones"
    )
    commit: str | None = None
    history: list[Change] = Field([], description="how it went on otherwise than before, the latest last")


def begin_run(out: Path, now: RunCard, resume: bool) -> None:
    """Writes `run.yaml`: every member that stands in `out` from then on is made as it says.

    Raises:
        ConfigError: a run is in the way, or the one to go on with was made of something else.
        CheckpointError: the `run.yaml` of the run to go on with is damaged.
    """
    previous = _previous_run(out, resume)
    if previous is not None:
        _check_inputs(_rules(out), previous, now)
        now = _resumed(previous, now)
    sweep(out)
    write_yaml(out / RUN, now.model_dump(mode="json"))


def as_begun(out: Path, settings: FinetuneSettings, resume: bool) -> FinetuneSettings:
    """Returns the settings of a run; one that goes on keeps its image where they name no other.

    Raises:
        ConfigError: there is a run in `out`, and going on with it was not asked for, or not with these settings.
        CheckpointError: its `run.yaml` is damaged.
    """
    previous = _previous_run(out, resume)
    if previous is None:
        return settings
    image = image_as_begun(settings.spectrogram, previous.settings.spectrogram)
    settings = settings.model_copy(update={"spectrogram": image})
    _rules(out).check_settings(previous.settings, settings, FREE_TO_CHANGE)
    return settings


def _previous_run(out: Path, resume: bool) -> RunCard | None:
    """Returns the run in `out` that goes on, None where no member stands there."""
    path = run_to_resume(out, resume)
    return None if path is None else load_card(path, RunCard)


def _rules(out: Path) -> Resumption:
    return Resumption(out / RUN, "another --out")


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
        say(f"{error}; {folder} is trained anew")
        return None
    return Member(folder, card, **{name: answers[name].numpy() for name in ANSWERED})


def labels_digest(table: LabelTable) -> str:
    """Returns the SHA-256 of everything that labels say of their clips, but for where the files lie."""
    words = [table.emotions, table.speakers, table.splits, table.groups]
    digest = hashlib.sha256(json.dumps(words).encode())
    for numbers in (table.targets, table.start_s, table.end_s):
        digest.update(numbers.tobytes())
    return digest.hexdigest()


def _check_inputs(rules: Resumption, then: RunCard, now: RunCard) -> None:
    rules.check_input(
        then.corpus_fingerprint, now.corpus_fingerprint, "recordings", clips_compared(then.clips, now.clips or 0)
    )
    rules.check_input(then.labels_sha256, now.labels_sha256, "labels", "SHA-256 differs")
    for name, (before, after) in changed_values(then.sources, now.sources).items():
        rules.check_input(before, after, f"initial weights of {name}", f"{before!r} then, {after!r} now")


def _resumed(then: RunCard, now: RunCard) -> RunCard:
    """Returns the card of a run that goes on, with what has changed at the end of its history."""
    changed = differences(then.settings, now.settings)
    update = {
        "sources": then.sources | now.sources,
        "versions": then.versions,
        "commit": then.commit,
        "history": extended_history(then.history, then.versions, then.commit, changed, {}),
    }
    return now.model_copy(update=update)
