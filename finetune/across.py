"""Across corpora: the trained ensemble asked about recordings of another labels.csv."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from configs.errors import EmoclrError
from corpus.labels import LabelTable, read_labels
from corpus.splits import speaker_codes
from corpus.waveforms import WaveformStore, clips_of, open_waveforms
from finetune.answers import answers_of
from finetune.ensemble import Together
from finetune.labelled import Labelled
from finetune.members import Members
from finetune.model import combine
from finetune.settings import FinetuneSettings
from probe.across import Crossing, cross
from probe.baselines import chance_probabilities
from probe.cells import json_measure, json_metrics
from probe.division import divide, refuse_repeated_sound
from probe.figures import METRIC_LABELS
from probe.metrics import Array, bootstrap_intervals, weighted_metrics
from probe.scores import CHANCE, ENSEMBLE, Measure, Metrics, Prediction, Scores, Truth, score_all
from probe.sections import Section, Table


@dataclass(frozen=True)
class OtherCorpus:
    """Clips of another corpus to score.

    Attributes:
        crossing: what both corpora share.
        table: labels of the clips, by the first corpus' names of emotions.
        store: the clips, decoded, in the same order.
        columns: (shared emotions,) which of the models' emotions they are.
    """

    crossing: Crossing
    table: LabelTable
    store: WaveformStore
    columns: list[int]


def open_other(data: Path, labelled: Labelled, settings: FinetuneSettings) -> OtherCorpus:
    """Returns the clips of another labels.csv: its test rows where it has some, else all.

    Raises:
        EmoclrError: no emotion is shared, a speaker or a recording is in both, or no clip can be read.
    """
    # In folds, every clip is trained on by some member of the ensemble.
    ours = replace(labelled.table, splits=None) if settings.folds else labelled.table
    crossing = cross(ours, read_labels(data))
    both = open_waveforms(clips_of(crossing.table))
    readable = crossing.table.select(both.source_rows)
    rows = readable.rows_of("test")
    if not len(rows):
        raise EmoclrError(f"{data}: none of its clips can be read")
    refuse_repeated_sound(readable, divide(readable, None, settings.seed), both.digests)
    table = readable.select(rows)
    columns = [labelled.table.emotions.index(emotion) for emotion in table.emotions]
    return OtherCorpus(crossing, table, open_waveforms(clips_of(table)), columns)


def across_corpora(
    other: OtherCorpus, members: Members, together: Sequence[Together], own: Scores, settings: FinetuneSettings
) -> Section:
    """Returns how well the ensemble does on another corpus, beside the clips of its own that were scored.

    Thresholds, temperatures and weights stay as validation speakers of the first corpus set them. The ensemble answers
    as `predict` does, with all of its members, those of all folds included.

    Args:
        other: the clips.
        members: of the ensemble.
        together: what they say together in each fold; weights and thresholds are taken from it.
        own: what was scored on the first corpus.
        settings: of the run.
    """
    table = other.table
    names = list(members)
    folds = len(together)
    every = [member for name in names for member in members[name]]
    answers = answers_of(every, other.store, other.table.source.stem)[:, :, other.columns]
    thresholds = np.array([member.card.thresholds for member in every])[:, other.columns]
    weights = np.stack([fold.weights for fold in together], axis=1).ravel() / folds
    single = table.single_label and own.truth.single_label
    joint = combine(answers, thresholds, settings.ensemble, weights, single)
    chosen = np.mean([fold.thresholds for fold in together], axis=0)[other.columns]
    truth = Truth(
        emotions=table.emotions,
        targets=table.targets.astype(np.float64),
        speakers=[str(code) for code in speaker_codes(table)],
        single_label=single,
        positive_share=settings.positive_share,
        n_resamples=settings.bootstrap_resamples,
        seed=settings.seed,
    )
    models = [Prediction(ENSEMBLE if len(names) > 1 else names[0], joint, chosen)]
    if len(names) > 1:
        for place, name in enumerate(names):
            some = slice(place * folds, (place + 1) * folds)
            models.append(Prediction(name, answers[some].mean(axis=0), thresholds[some].mean(axis=0)))
    prior = chance_probabilities(own.truth.targets[:, other.columns], len(truth))
    here = _own_part(own, other.columns, single=single)
    scores = score_all(truth, models, [Prediction(CHANCE, prior, prior)])
    before = score_all(*here)
    return _section(other, scores, before, _drop((truth, models[0]), (here[0], here[1][0])))


def _own_part(own: Scores, columns: Sequence[int], *, single: bool) -> tuple[Truth, list[Prediction]]:
    """Returns the scored clips of the first corpus by the shared emotions, and what the headline model says of them."""
    targets = own.truth.targets[:, columns]
    kept = np.flatnonzero(targets.sum(axis=1) > 0) if single else np.arange(len(targets))
    thresholds = np.broadcast_to(own.headline.thresholds, own.truth.targets.shape)[kept][:, columns]
    truth = replace(
        own.truth,
        emotions=[own.truth.emotions[column] for column in columns],
        targets=targets[kept],
        speakers=[own.truth.speakers[row] for row in kept.tolist()],
        groups={},
        single_label=single,
    )
    return truth, [Prediction(own.headline.name, own.headline.probabilities[kept][:, columns], thresholds)]


def _drop(there: tuple[Truth, Prediction], here: tuple[Truth, Prediction]) -> Metrics:
    """Returns each metric of the other corpus minus that of the first, with intervals over the speakers of both."""
    measures = [
        weighted_metrics(t.targets, p.probabilities, p.thresholds, t.single_label, t.positive_share)
        for t, p in (there, here)
    ]
    n_there = len(there[0])
    speakers = [f"{place} {name}" for place, (truth, _) in enumerate((there, here)) for name in truth.speakers]

    def difference(weights: Array) -> dict[str, Array]:
        theirs, ours = measures[0](weights[:, :n_there]), measures[1](weights[:, n_there:])
        return {name: theirs[name] - ours[name] for name in ours}

    values = difference(np.ones((1, len(speakers))))
    intervals = bootstrap_intervals(difference, speakers, there[0].n_resamples, there[0].seed)
    return {name: Measure(float(values[name][0]), *map(float, intervals[name])) for name in values}


def _section(other: OtherCorpus, scores: Scores, before: Scores, drop: Metrics) -> Section:
    here, there = other.crossing.sources
    metrics, own = scores.models[0].metrics, before.models[0].metrics
    speakers = len(set(scores.truth.speakers))
    unit = "speakers" if other.table.speakers is not None else "recordings"
    only = "".join(f" {emotion}: {why}." for emotion, why in other.crossing.left_out.items())
    headline = Table(
        ["", f"on {here}", f"on {there}", "difference"],
        [[METRIC_LABELS[name], own[name], metrics[name], drop[name]] for name in metrics],
        title=f"{scores.headline.name}, by the shared emotions",
    )
    names = scores.truth.headline
    rows = Table(
        ["", *(METRIC_LABELS[name] for name in names)],
        [[row.name, *(row.metrics[name] for name in names)] for row in scores.rows],
        title=f"On {there}",
    )
    pairs = dict(other.crossing.pairs)
    emotions = Table(
        [f"in {here}", f"in {there}", "positive clips", "AUROC", f"AUROC on {here}"],
        [
            [now.name, pairs[now.name], f"{now.positives:,}", now.metrics["auroc"], then.metrics["auroc"]]
            for now, then in zip(scores.emotions, before.emotions, strict=True)
        ],
        title="Emotions",
    )
    return Section(
        "across",
        f"Across corpora: from {here} to {there}",
        f"{other.crossing.text} {len(scores.truth):,} clips of {speakers:,} {unit} were scored; nothing was chosen on "
        f"them: thresholds and temperatures are those of the validation speakers of {here}. Beside them, the clips of "
        f"{here} that this report scores, by the same emotions; intervals of differences are over the speakers of both."
        + (f" Left out:{only}" if only else ""),
        [headline, rows, emotions],
        data={
            "fitted": here,
            "scored": there,
            "clips": len(scores.truth),
            "speakers": speakers,
            "emotions": [{"fitted": ours, "scored": theirs} for ours, theirs in other.crossing.pairs],
            "left_out": other.crossing.left_out,
            "metrics": json_metrics(metrics),
            "own_metrics": json_metrics(own),
            "differences": {name: json_measure(found) for name, found in drop.items()},
            "models": {row.name: json_metrics(row.metrics) for row in scores.models},
            "baselines": {row.name: json_metrics(row.metrics) for row in scores.baselines},
        },
    )
