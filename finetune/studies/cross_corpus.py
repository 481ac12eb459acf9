"""Across corpora: the trained ensemble asked about recordings of another labels.csv."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from emoclr.configs.errors import EmoclrError
from emoclr.corpus.decoded.opener import opener
from emoclr.corpus.decoded.waveforms import WaveformStore, clips_of
from emoclr.corpus.labels.division import divide, refuse_repeated_sound
from emoclr.corpus.labels.labels import LabelTable
from emoclr.corpus.labels.splits import speaker_codes
from emoclr.evaluate.metrics.arrays import Array
from emoclr.evaluate.metrics.intervals import Measure, Metrics, bootstrap_intervals
from emoclr.evaluate.metrics.registry import METRICS
from emoclr.evaluate.report.cells import json_measure, json_metrics
from emoclr.evaluate.report.report import by_reason
from emoclr.evaluate.report.section import Section, Table
from emoclr.evaluate.scores import CHANCE, ENSEMBLE, Prediction, Scores, Truth, score_all, weighted_of
from emoclr.finetune.data.labeled_clips import LabeledClips
from emoclr.finetune.ensemble.ensemble import EnsembleOutput, thresholds_of, weights_of
from emoclr.finetune.ensemble.member_probabilities import member_probabilities
from emoclr.finetune.model.combination import combine
from emoclr.finetune.settings import FinetuneSettings
from emoclr.finetune.training.members import Members
from emoclr.pretrain.encoder.devices import choose_device
from emoclr.probe.features.logmel import chance_probabilities
from emoclr.probe.studies.cross_corpus import CrossCorpus, cross


@dataclass(frozen=True)
class OtherCorpus:
    """Clips of another corpus to score.

    Attributes:
        crossing: what both corpora share.
        table: labels of the clips, by the first corpus' names of emotions.
        store: the clips, decoded, in the same order.
        columns: (shared emotions,) which of the models' emotions they are.
        prior: (shared emotions,) their mean shares in what the first corpus trains on.
    """

    crossing: CrossCorpus
    table: LabelTable
    store: WaveformStore
    columns: list[int]
    prior: Array


def open_other(labels: LabelTable, labelled: LabeledClips, settings: FinetuneSettings) -> OtherCorpus:
    """Returns the clips of another corpus: its test rows where it has some, else all.

    Raises:
        EmoclrError: no emotion is shared, a speaker or a recording is in both, or no clip can be read.
    """
    # In folds, every clip is trained on by some member of the ensemble.
    ours = replace(labelled.table, splits=None) if settings.folds else labelled.table
    crossing = cross(ours, labels)
    opened = opener(settings)
    both = opened(clips_of(crossing.table))
    readable = crossing.table.select(both.source_rows)
    rows = readable.rows_of("test")
    if not len(rows):
        raise EmoclrError(f"{labels.source}: none of its clips can be read")
    refuse_repeated_sound(readable, divide(readable, None, settings.seed), both.digests)
    table = readable.select(rows)
    columns = [labelled.table.emotions.index(emotion) for emotion in table.emotions]
    prior = chance_probabilities(labelled.table.targets[labelled.division.fitted], 1)[0, columns]
    return OtherCorpus(crossing, table, opened(clips_of(table)), columns, prior)


def across_corpora(
    other: OtherCorpus, members: Members, together: Sequence[EnsembleOutput], own: Scores, settings: FinetuneSettings
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
    answers = member_probabilities(every, other.store, other.table.source.stem, choose_device(settings.accelerator))
    answers = answers[:, :, other.columns]
    thresholds = np.array([member.card.thresholds for member in every])[:, other.columns]
    weights = weights_of(together)
    single = table.single_label and own.truth.single_label
    joint = combine(answers, thresholds, settings.ensemble, weights, single)
    chosen = thresholds_of(together, settings.ensemble, len(every))[other.columns]
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
    here = _own_part(own, other.columns, single=single)
    chance = Prediction(CHANCE, np.tile(other.prior, (len(truth), 1)), other.prior)
    scores = score_all(truth, models, [chance])
    before = score_all(*here)
    return _section(other, scores, before, corpora_difference((truth, models[0]), (here[0], here[1][0])))


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


def corpora_difference(there: tuple[Truth, Prediction], here: tuple[Truth, Prediction]) -> Metrics:
    """Returns each metric of the other corpus minus that of the first, with intervals over the speakers of both.

    Without the calibration error: the fewer the clips, the larger it is, even of probabilities that are right. There
    are no intervals where one of the two has a single speaker, whose value does not move when speakers are drawn anew.
    """
    measures = [weighted_of(*side) for side in (there, here)]
    n_there = len(there[0])
    speakers = [f"{place} {name}" for place, (truth, _) in enumerate((there, here)) for name in truth.speakers]

    def difference(weights: Array) -> dict[str, Array]:
        theirs, ours = measures[0](weights[:, :n_there]), measures[1](weights[:, n_there:])
        # A resample may hold speakers of one corpus alone.
        told = weights[:, :n_there].any(axis=1) & weights[:, n_there:].any(axis=1)
        return {
            name: np.where(told, theirs[name] - value, np.nan)
            for name, value in ours.items()
            if not METRICS[name].resampling_inflates
        }

    values = {name: float(found[0]) for name, found in difference(np.ones((1, len(speakers)))).items()}
    if any(len(set(truth.speakers)) < 2 for truth in (there[0], here[0])):
        return {name: Measure(value) for name, value in values.items()}
    intervals = bootstrap_intervals(difference, speakers, there[0].n_resamples, there[0].seed)
    return {name: Measure(value, *map(float, intervals[name])) for name, value in values.items()}


def _section(other: OtherCorpus, scores: Scores, before: Scores, drop: Metrics) -> Section:
    here, there = other.crossing.sources
    metrics, own = scores.models[0].metrics, before.models[0].metrics
    speakers = len(set(scores.truth.speakers))
    unit = "speakers" if other.table.speakers is not None else "recordings"
    only = "".join(f" {', '.join(names)}: {why}." for why, names in by_reason(other.crossing.left_out).items())
    headline = Table(
        ["", f"on {here}", f"on {there}", "difference"],
        [[METRICS[name].label, own[name], metrics[name], drop.get(name, "–")] for name in metrics],
        title=f"{scores.headline.name}, by the shared emotions",
    )
    names = scores.truth.headline
    rows = Table(
        ["", *(METRICS[name].label for name in names)],
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
        " Calibration errors are not set against each other: on fewer clips they are larger, whatever the model."
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
