"""Cross-corpus: the ensemble scored on the recordings of another labels.csv."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from emoclr.configs.messages import count_of
from emoclr.corpus.labels.splits import speaker_codes, unit_of
from emoclr.evaluate.metrics.arrays import Array
from emoclr.evaluate.metrics.intervals import Measure, Metrics, bootstrap_intervals
from emoclr.evaluate.metrics.registry import METRICS
from emoclr.evaluate.report.formatting import json_measure, json_metrics
from emoclr.evaluate.report.report import by_reason
from emoclr.evaluate.report.section import Section, Table
from emoclr.evaluate.scores import CHANCE, ENSEMBLE, Prediction, Scores, Truth, score_all, weighted_of
from emoclr.finetune.data.other_corpus import OtherCorpus
from emoclr.finetune.ensemble.ensemble import thresholds_of, weights_of
from emoclr.finetune.ensemble.member_probabilities import member_probabilities
from emoclr.finetune.model.combination import combine
from emoclr.finetune.studies.context import Context
from emoclr.pretrain.encoder.devices import choose_device
from emoclr.probe.studies.cross_corpus import cross_corpus_section


def cross_corpus(context: Context) -> Section | None:
    """Returns the scores of the ensemble on another corpus, beside those on the test clips of its own.

    Where the test clips are those of the other corpus, only what both share.

    Thresholds, temperatures and weights stay as validation speakers of the first corpus set them. All members are
    combined as `predict` does it, those of all folds included.
    """
    other, settings, own, labeled = context.other, context.settings, context.scores, context.labeled
    if labeled.crossing is not None:
        return cross_corpus_section(labeled.crossing, labeled.table, labeled.division, settings.positive_share)
    if other is None:
        return None
    table = other.table
    names = list(context.members)
    folds = len(context.ensemble)
    every = [member for name in names for member in context.members[name]]
    description = other.table.source.stem
    probabilities = member_probabilities(every, other.store, description, choose_device(settings.accelerator))
    probabilities = probabilities[:, :, other.columns]
    thresholds = np.array([member.card.thresholds for member in every])[:, other.columns]
    single = table.single_label and own.truth.single_label
    joint = combine(probabilities, thresholds, settings.ensemble, weights_of(context.ensemble), single)
    chosen = thresholds_of(context.ensemble, settings.ensemble, len(every))[other.columns]
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
            models.append(Prediction(name, probabilities[some].mean(axis=0), thresholds[some].mean(axis=0)))
    here = _own_part(own, other.columns, single=single)
    chance = Prediction(CHANCE, np.tile(other.prior, (len(truth), 1)), other.prior)
    scores = score_all(truth, models, [chance])
    here_scores = score_all(*here)
    difference = corpora_difference((truth, models[0]), (here[0], here[1][0]))
    return _section(other, scores, here_scores, difference)


def _own_part(own: Scores, columns: Sequence[int], *, single: bool) -> tuple[Truth, list[Prediction]]:
    """Returns the test clips of the first corpus by the shared emotions, and the headline predictions for them."""
    targets = own.truth.targets[:, columns]
    rows = np.flatnonzero(targets.sum(axis=1) > 0) if single else np.arange(len(targets))
    thresholds = np.broadcast_to(own.headline.thresholds, own.truth.targets.shape)[rows][:, columns]
    truth = replace(
        own.truth,
        emotions=[own.truth.emotions[column] for column in columns],
        targets=targets[rows],
        speakers=[own.truth.speakers[row] for row in rows.tolist()],
        groups={},
        single_label=single,
    )
    return truth, [Prediction(own.headline.name, own.headline.probabilities[rows][:, columns], thresholds)]


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
        both = weights[:, :n_there].any(axis=1) & weights[:, n_there:].any(axis=1)
        return {
            name: np.where(both, theirs[name] - value, np.nan)
            for name, value in ours.items()
            if not METRICS[name].resampling_inflates
        }

    values = {name: float(found[0]) for name, found in difference(np.ones((1, len(speakers)))).items()}
    if any(len(set(truth.speakers)) < 2 for truth in (there[0], here[0])):
        return {name: Measure(value) for name, value in values.items()}
    intervals = bootstrap_intervals(difference, speakers, there[0].n_resamples, there[0].seed)
    return {name: Measure(value, *map(float, intervals[name])) for name, value in values.items()}


def _section(other: OtherCorpus, scores: Scores, own: Scores, difference: Metrics) -> Section:
    here, there = other.crossing.sources
    metrics, own_metrics = scores.models[0].metrics, own.models[0].metrics
    speakers = len(set(scores.truth.speakers))
    unit = unit_of(other.table)
    only = "".join(f" {', '.join(names)}: {why}." for why, names in by_reason(other.crossing.left_out).items())
    headline = Table(
        ["", f"on {here}", f"on {there}", "difference"],
        [[METRICS[name].label, own_metrics[name], metrics[name], difference.get(name, "–")] for name in metrics],
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
            for now, then in zip(scores.emotions, own.emotions, strict=True)
        ],
        title="Emotions",
    )
    return Section(
        "across",
        f"Across corpora: from {here} to {there}",
        f"{other.crossing.text} {len(scores.truth):,} clips of {count_of(speakers, unit)} were scored; nothing "
        f"was chosen on them: thresholds and temperatures are those of the validation speakers of {here}. "
        f"Beside them, the clips of {here} that this report scores, by the same emotions; intervals of "
        "differences are over the speakers of both."
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
            "own_metrics": json_metrics(own_metrics),
            "differences": {name: json_measure(found) for name, found in difference.items()},
            "models": {row.name: json_metrics(row.metrics) for row in scores.models},
            "baselines": {row.name: json_metrics(row.metrics) for row in scores.baselines},
        },
    )
