"""The summary and the notes of a fine-tuning report."""

import shlex
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from emoclr.configs.messages import count_of
from emoclr.corpus.labels.division import Division, train_validation_test
from emoclr.corpus.labels.label_table import LabelTable
from emoclr.corpus.labels.splits import speaker_codes, unit_of
from emoclr.evaluate.report.sentence import NextSteps
from emoclr.finetune.model.combination import COMBINATIONS
from emoclr.finetune.settings import FinetuneSettings
from emoclr.finetune.studies.best_epochs import heads_alone
from emoclr.finetune.studies.context import Context
from emoclr.finetune.training.initial_weights import SCRATCH, encoder_cards
from emoclr.finetune.training.members import backbone_of
from emoclr.probe.features.features import LOGMEL, missing_features
from emoclr.probe.heard import Heard, heard_in_pretraining
from emoclr.probe.settings import ProbeSettings
from emoclr.probe.summary import (
    RELEASED,
    label_notes,
    longer_pretraining,
    more_certainty,
    more_labels,
    more_speakers,
    score_notes,
    sound_notes,
)

_TRAINED = {
    "none": "a multilabel head alone first, then the whole network with lower rates for earlier layers",
    "backbone": "a multilabel head alone",
    "all": "finished before; nothing was trained here",
}
_CHOSEN = {
    "none": "The regularisation of the head, the moment to stop, temperatures",
    "backbone": "The regularisation of the head, temperatures",
    "all": "Temperatures",
}
"""What was trained, and what was chosen on validation, by what was frozen."""


def summary_of(context: Context) -> str:
    """Returns the protocol of a run in one paragraph."""
    labeled, settings, members = context.labeled, context.settings, context.members
    undone = heads_alone(members) if settings.freeze == "none" else ()
    across = f"{labeled.crossing.text} " if labeled.crossing else ""
    return across + protocol_text(
        labeled.table, labeled.division, settings, list(members), undone, context.features.names
    )


def heard_of(context: Context) -> Heard:
    """Returns what of the test clips the encoders of a run heard in pretraining."""
    initial_weights = context.inputs.initial_weights
    folders = {each.name: [each.folder] for each in initial_weights if each.folder and each.audio_pretrained}
    labeled = context.labeled
    return heard_in_pretraining(folders, labeled.table, labeled.division, labeled.store, labeled.rows)


def notes_of(context: Context, heard: Heard) -> list[str]:
    """Returns what limits the conclusions of a report: its labels, its augmentations, and comparisons not made."""
    table, settings = context.labeled.table, context.settings
    initial_weights = context.inputs.initial_weights
    pretrained = any(initial.source(settings) != SCRATCH for initial in initial_weights)
    return [
        *context.labeled.notes,
        *context.inputs.notes,
        *(context.other.notes if context.other else ()),
        *label_notes(table, settings.positive_share),
        *sound_notes(context.labeled.store.silent[context.labeled.rows]),
        *settings.augment.unsafe,
        *score_notes(table, context.labeled.division, settings.positive_share, validated=True),
        *heard.notes,
        *comparison_notes(pretrained, settings),
    ]


def next_steps_of(context: Context, data: Path) -> NextSteps:
    """Returns what may be done after a run, with the very commands."""
    labeled, initial_weights = context.labeled, context.inputs.initial_weights
    out, labels = shlex.quote(str(context.out)), shlex.quote(str(data))
    folders = {each.name: each.folder for each in initial_weights}
    alone = {}
    for name in context.members:
        folder = folders[backbone_of(name)]
        if len(labeled.division.folds) == 1:
            alone[name] = f"Use {name} alone: `predict --from {shlex.quote(str(context.out / name))} recordings`."
        else:
            start = f"backbones=[{backbone_of(name)}]" if folder is None else f"--from {shlex.quote(str(folder))}"
            alone[name] = f"Train {name} alone: `finetune {start} --data {labels} --out {out}-alone`."
    encoders = (each.folder for each in initial_weights if each.folder is not None and not each.finished)
    pretrained = next(encoders, Path(RELEASED))
    return NextSteps(
        use=f"Use it: `predict --from {out} recordings`.",
        improve=longer_pretraining(encoder_cards(initial_weights)),
        certain=more_certainty(labeled.table, labeled.division),
        speakers=more_speakers(labeled.table, labeled.division),
        label=more_labels(pretrained, data),
        head="Train heads alone: `freeze=backbone`.",
        alone=alone,
        combination="Combine otherwise: `ensemble={how}`.",
    )


def protocol_text(
    table: LabelTable,
    division: Division,
    settings: FinetuneSettings,
    names: Sequence[str],
    undone: Sequence[str] = (),
    features: Sequence[str] = (LOGMEL,),
) -> str:
    """Returns the protocol in one paragraph.

    Args:
        table: labels of the clips.
        division: of its rows.
        settings: of the run.
        names: of the networks.
        undone: those of them whose best epoch is 0, as `heads_alone` names them.
        features: names of the features of the linear baselines.
    """
    unit = f"{unit_of(table)}s"
    if validated_on_own_voice(table, division):
        unit = "recordings" if len(division.folds) == 1 else "clips"
    split = split_text(table, division, "Baselines trained" if settings.freeze == "all" else "Trained")
    chosen = ", thresholds and weights" if len(names) > 1 else " and thresholds"
    chosen = f"{_CHOSEN[settings.freeze]}{chosen}"
    combined = COMBINATIONS[settings.ensemble].summary.format(unit=unit)
    ensemble = f" The ensemble's answer is the {combined}." if len(names) > 1 else ""
    heads = "" if settings.freeze == "all" else "the heads alone on the frozen encoders, "
    scratch = "the same training without pretraining, " if settings.from_scratch else ""
    networks = f"{len(names)} networks ({', '.join(names)}), each" if len(names) > 1 else f"One network ({names[0]}):"
    return (
        f"{networks} {_TRAINED[settings.freeze]}. {split} "
        f"{chosen} were chosen on validation {unit} only.{_undone(undone, names)}{ensemble}"
        f"{_more(settings, unit)} {_seeds(settings)} "
        f"Baselines on the same clips: {heads}{scratch}linear models by the protocol "
        f"of `probe` of {', '.join(features)}, and chance."
    )


def validated_on_own_voice(table: LabelTable, division: Division) -> bool:
    """Returns whether some fold trains on one speaker, of whom other recordings validate."""
    codes = speaker_codes(table)
    parts = [train_validation_test(table, division, fold) for fold in range(len(division.folds))]
    return any(np.intersect1d(codes[train], codes[validation]).size for train, validation, _ in parts)


def split_text(table: LabelTable, division: Division, trained: str = "Trained") -> str:
    """Returns what is trained on, validated on and scored, and what of these is apart; `trained` begins it."""
    codes, unit = speaker_codes(table), unit_of(table)
    parts = [train_validation_test(table, division, fold) for fold in range(len(division.folds))]
    alone = validated_on_own_voice(table, division)

    def counted(rows: NDArray[np.int64]) -> str:
        return f"{count_of(len(rows), 'clip')} of {count_of(len(np.unique(codes[rows])), unit)}"

    if len(parts) == 1:
        train, validation, test = map(counted, parts[0])
        apart = f"no {unit} is in two of these"
        if alone:
            apart = "the speaker trained on is not scored, and no recording is in two of these"
        return f"{trained} on {train}, validated on {validation}, scored on {test}; {apart}."
    sizes = [len(np.unique(codes[validation])) for _, validation, _ in parts]
    least, most = min(sizes), max(sizes)
    held = f"{least} to {count_of(most, unit)}" if least < most else count_of(most, unit)
    held += " of those that a fold does not score are kept for its validation"
    if alone:
        held = "a fold that trains on one speaker is validated on other recordings of the same"
    return f"Trained and scored in {len(parts)} folds of {counted(division.scored)}, which no {unit} crosses; {held}."


def _seeds(settings: FinetuneSettings) -> str:
    first, *others = settings.network_seeds
    if not others:
        return f"The seed of all that is drawn is {first}."
    return f"Networks are trained with seeds {first} to {others[-1]}; the seed of all else that is drawn is {first}."


def _more(settings: FinetuneSettings, unit: str) -> str:
    """Returns what else was trained, and what of it was chosen."""
    text = ""
    if settings.compare_seeds:
        text += (
            f" Different backbones are compared with {settings.compare_seeds} seeds of the best of them on validation "
            f"{unit}."
        )
    if settings.unlabeled:
        text += (
            " A second round adds unlabeled recordings that the first is sure of; how sure it has to be, and which of "
            f"the two rounds is reported, is chosen on validation {unit}, too."
        )
    return text


def comparison_notes(pretrained: bool, settings: FinetuneSettings) -> list[str]:
    """Returns notes on comparisons that were not made.

    Args:
        pretrained: whether initial weights are pretrained ones.
        settings: of the run.
    """
    notes = missing_features(ProbeSettings())
    if pretrained and settings.freeze == "none" and not settings.from_scratch:
        notes.append(
            "The same training without pretraining was not run, so what pretraining is worth is not shown: "
            "from_scratch=true adds it."
        )
    return notes


def _undone(undone: Sequence[str], names: Sequence[str]) -> str:
    if not undone:
        return ""
    which = "it" if len(names) == 1 else ", ".join(undone)
    in_folds = undone[0].removeprefix(names[0]) if len(names) == 1 else ""
    return f" No epoch of the whole network was better there than the head alone, which is kept, for {which}{in_folds}."
