"""Linear probes that are fitted to a part of the labels, for the section of `label_efficiency`."""

from collections.abc import Mapping, Sequence

import numpy as np

from emoclr.configs.console import track
from emoclr.corpus.labels.division import Division, inner_folds
from emoclr.corpus.labels.label_subset import TooFewClips, label_subset
from emoclr.corpus.labels.label_table import LabelTable
from emoclr.corpus.labels.splits import unit_of
from emoclr.evaluate.report.section import Section
from emoclr.evaluate.scores import Prediction
from emoclr.evaluate.studies.label_efficiency import Trial, efficiency_section
from emoclr.pretrain.encoder.embedding import Embeddings
from emoclr.probe.features.features import Features
from emoclr.probe.fitting import Fits, fit_probe, models_to_compare, predictions_of, scored_rows
from emoclr.probe.settings import ProbeSettings
from emoclr.probe.studies.context import Context

WHOLE = 1.0


def label_efficiency(context: Context) -> Section | None:
    """Returns the metrics of probes that are fitted to parts of the labels, where `fractions` asks for them."""
    settings = context.settings
    if not settings.fractions:
        return None
    whole = context.models, context.baselines
    trials, too_small = probe_trials(
        context.features, context.matrices, context.table, context.division, whole, settings
    )
    return efficiency_section(context.truth, trials, too_small, fractions_text(context.table, settings))


def probe_trials(
    features: Sequence[Features],
    matrices: Mapping[str, Embeddings],
    table: LabelTable,
    division: Division,
    whole: tuple[Sequence[Prediction], Sequence[Prediction]],
    settings: ProbeSettings,
) -> tuple[list[Trial], dict[float, str]]:
    """Returns what probes answer that were fitted to parts of the labels, and the parts that are too small.

    Of several encoders their ensemble stands for all.

    Args:
        features: what is fitted to.
        matrices: for each features' name float32 (clips, features), rows as in the table.
        table: labels of the clips.
        division: which clips each fold fits to and scores.
        whole: models and baselines that were fitted to all of the labels.
        settings: `fractions` and `fraction_seeds` say which parts.
    """
    parts: dict[tuple[float, int], Division] = {}
    too_small: dict[float, str] = {}
    for fraction in sorted(set(settings.fractions or [])):
        try:
            for seed in [settings.seed] if fraction == WHOLE else _seeds(settings):
                parts[fraction, seed] = part_of(table, division, fraction, seed, settings.positive_share)
        except TooFewClips as error:
            too_small[fraction] = str(error)
    usable = {key: part for key, part in parts.items() if key[0] not in too_small}
    work = [
        (key, name, fold)
        for key in usable
        if key[0] != WHOLE
        for name in matrices
        for fold in range(len(division.folds))
    ]
    fits: dict[tuple[float, int], Fits] = {key: {name: [] for name in matrices} for key in usable}
    for key, name, fold in track(work, "fitting to parts of the labels"):
        fits[key][name].append(fit_probe(matrices[name], table, usable[key], fold, settings.positive_share))
    scored = scored_rows(matrices, division)
    trials = []
    for (fraction, seed), part in usable.items():
        answers = whole if fraction == WHOLE else predictions_of(features, fits[fraction, seed], scored, table, part)
        clips = float(np.mean([len(train) for train, _ in part.folds]))
        trials += [
            Trial(found.name, fraction, clips, seed, found, model=place == 0)
            for place, found in enumerate(models_to_compare(*answers))
        ]
    return trials, too_small


def part_of(table: LabelTable, division: Division, fraction: float, seed: int, positive_share: float) -> Division:
    """Returns a division that scores the same clips and fits to a part of the others.

    Raises:
        TooFewClips: from the part of some fold not every emotion can be learned.
    """
    folds = [(label_subset(table, train, fraction, seed, positive_share), test) for train, test in division.folds]
    return Division(folds, [inner_folds(table, train, seed) for train, _ in folds], division.given)


def fractions_text(table: LabelTable, settings: ProbeSettings) -> str:
    """Returns how parts are drawn, for readers of the report."""
    unit = f"{unit_of(table)}s"
    return (
        "The same probes, fitted to parts of the training clips and scored on the same clips. Each part is drawn "
        f"{settings.fraction_seeds} times, the smaller within the larger; parts keep the shares of emotions; {unit} "
        "take turns. Regularisation and thresholds are chosen inside a part. Values are means over draws with 95 % "
        f"intervals over {unit}; beside them the least and the greatest of the draws."
    )


def _seeds(settings: ProbeSettings) -> range:
    return range(settings.seed, settings.seed + settings.fraction_seeds)
