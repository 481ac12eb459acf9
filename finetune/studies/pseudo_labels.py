"""Pseudo-labels: what a second round of training with unlabeled recordings is worth."""

from dataclasses import replace

import numpy as np

from emoclr.evaluate.metrics.registry import METRICS
from emoclr.evaluate.paired import paired_differences
from emoclr.evaluate.report.formatting import json_measure, json_number, number
from emoclr.evaluate.report.section import Section, Table
from emoclr.evaluate.scores import ENSEMBLE, Prediction, Truth, score_all
from emoclr.finetune.ensemble.ensemble import ensemble_outputs, prediction_of
from emoclr.finetune.pseudo_labels.confidence_levels import MIN_CLIPS
from emoclr.finetune.pseudo_labels.second_round import FOLDER, SecondRound
from emoclr.finetune.studies.context import Context


def pseudo_labels(context: Context) -> Section | None:
    """Returns the differences that the second round made; None without unlabeled recordings."""
    networks, settings = context.networks, context.settings
    if networks.second_round is None:
        return None
    first, second = (
        prediction_of(ENSEMBLE, ensemble_outputs(members, context.tasks, settings.ensemble, settings.positive_share))
        for members in (networks.first_round, networks.second_round.members)
    )
    return unlabeled_section(context.truth, first, second, networks.second_round, settings.confidence)


def unlabeled_section(
    truth: Truth, first: Prediction, second: Prediction, found: SecondRound, confidence: float
) -> Section:
    """Returns the section of a report on the second round.

    Args:
        truth: the scored clips.
        first: the ensemble of the first round.
        second: the ensemble of the second.
        found: the second round.
        confidence: the precision asked for.
    """
    pool = found.pool
    accepted = sum(len(some.rows) for some in found.accepted)
    confident = np.sum([some.confident.sum(axis=0) for some in found.accepted], axis=0)
    clips = np.sum([some.validation_clips for some in found.accepted], axis=0)
    right = np.sum([some.validation_right for some in found.accepted], axis=0)
    levels = [[_finite(some.levels[emotion]) for some in found.accepted] for emotion in range(len(truth.emotions))]
    per_emotion = Table(
        ["emotion", "accepted from", "right of validation clips, level set by other speakers", "clips accepted"],
        [
            [
                emotion,
                " / ".join("never" if level is None else number(level) for level in levels[place]),
                f"{number(right[place] / clips[place])} ({right[place]} of {clips[place]})" if clips[place] else "–",
                f"{confident[place]:,}",
            ]
            for place, emotion in enumerate(truth.emotions)
        ],
        title="What was accepted",
    )
    scores = [
        row.metrics for row in score_all(truth, [replace(first, name="first"), replace(second, name="second")]).models
    ]
    differences = paired_differences(truth, second, first)
    gain = Table(
        ["", "first round", "second round", "difference"],
        [[METRICS[name].label, scores[0][name], scores[1][name], differences[name]] for name in differences],
        title="Differences on the scored clips",
    )
    return Section(
        FOLDER,
        "Unlabeled recordings",
        _text(found, accepted, confidence),
        [per_emotion, *([gain] if accepted else [])],
        data={
            "clips": len(pool.store),
            "found": pool.found,
            "dropped_as_labelled": pool.dropped_as_labeled,
            "dropped_speakers": pool.dropped_speakers,
            "dropped_silent": pool.dropped_silent,
            "confidence": confidence,
            "accepted": accepted,
            "held": ["second" if better else "first" for better in found.second_is_better],
            "validation_macro_auroc": [[json_number(value) for value in pair] for pair in found.auroc],
            "emotions": {
                emotion: {
                    "levels": levels[place],
                    "accepted": int(confident[place]),
                    "validation_clips": int(clips[place]),
                    "validation_right": int(right[place]),
                }
                for place, emotion in enumerate(truth.emotions)
            },
            "differences": {name: json_measure(found) for name, found in differences.items()},
        },
    )


def _text(found: SecondRound, accepted: int, confidence: float) -> str:
    pool, folds = found.pool, len(found.accepted)
    in_folds = f" (in {folds} folds together)" if folds > 1 else ""
    accepting = (
        f"After the first round the ensemble predicted {len(pool.store):,} unlabeled clips. {accepted:,} of them"
        f"{in_folds} reached, for some emotion, the probability from which on it is right for {confidence:.0%} of the "
        f"validation clips (at least {MIN_CLIPS} of them)"
    )
    trained = (
        "; with its calibrated probabilities as targets they joined the training clips, and every network was trained "
        "once more from where it had begun. "
        if accepted
        else ": there was no second round. "
    )
    dropped = (
        f"Of {pool.found:,} readable clips, {pool.dropped_as_labeled:,} had been dropped as recordings that the labels "
        f"have, {pool.dropped_silent:,} as silent, and {pool.dropped_speakers:,} because they are of validation or "
        "test speakers; where speakers are not named, voices of the test may be among the rest."
    )
    first, second = np.mean(found.auroc, axis=0)
    means = ", the mean over folds" if folds > 1 else ""
    which = "second" if found.second_is_better[0] else "first"
    held = (
        "the ensemble holds, fold by fold, the networks of the round that is better there: in "
        f"{sum(found.second_is_better)} of {folds} the second."
        if folds > 1
        else f"the ensemble holds the networks of the {which}."
    )
    kept = (
        f" On validation speakers the macro AUROC of the mean is {first:.3f} after the first and {second:.3f} after "
        f"the second round{means}: {held} What other sections set against it by seeds, from scratch or by parts of "
        "the labels was not trained on these recordings."
    )
    return accepting + trained + dropped + (kept if accepted else "")


def _finite(value: float) -> float | None:
    return round(float(value), 6) if np.isfinite(value) else None
