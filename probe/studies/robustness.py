"""Robustness of linear probes: their predictions for the scored clips in noise, over a telephone, in a room."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from emoclr.augment.robustness import CONDITIONS, DegradedWaveforms, say_cost
from emoclr.configs.console import say
from emoclr.corpus.decoded.waveforms import Waveforms
from emoclr.corpus.labels.division import Division
from emoclr.corpus.labels.label_table import LabelTable
from emoclr.evaluate.linear_probe import Rows
from emoclr.evaluate.report.section import Section
from emoclr.evaluate.studies.robustness import DegradedPredictions, robustness_section
from emoclr.probe.features.features import Features, of_fold
from emoclr.probe.fitting import Fits, models_to_compare, predictions_of
from emoclr.probe.studies.context import Context


def robustness(context: Context) -> Section | None:
    """Returns how far the headline model and the baselines fall on degraded clips, where `stress` asks for it."""
    if not context.settings.stress:
        return None
    degraded = robustness_of_probes(
        context.features,
        context.fits,
        context.store,
        context.rows,
        context.table,
        context.division,
        context.settings.seed,
    )
    return robustness_section(context.truth, models_to_compare(context.models, context.baselines), degraded)


def robustness_of_probes(
    features: Sequence[Features],
    fits: Fits,
    store: Waveforms,
    rows: Rows,
    table: LabelTable,
    division: Division,
    seed: int,
) -> DegradedPredictions:
    """Returns predictions of fitted probes for the scored clips under each condition; models first, then baselines.

    Args:
        features: what the probes were fitted to.
        fits: the probes.
        store: the clips as recorded.
        rows: (clips of the table,) their numbers in the store.
        table: labels of the clips.
        division: which clips each fold scores.
        seed: of what is random in a condition.
    """
    clips = rows[division.scored]
    starts = np.cumsum([0, *(len(test) for _, test in division.folds)])
    within = [np.arange(start, end) for start, end in pairwise(starts)]
    say_cost(store, clips)
    predictions = []
    for condition in CONDITIONS:
        say(f"stress: {condition.label}")
        degraded = DegradedWaveforms(store, clips, condition, seed)
        matrices = {described.name: described.describe(degraded) for described in features}
        scored = [
            {name: of_fold(matrix, fold)[part] for name, matrix in matrices.items()} for fold, part in enumerate(within)
        ]
        models, baselines = predictions_of(features, fits, scored, table, division)
        predictions.append((condition, [*models, *baselines]))
    return predictions
