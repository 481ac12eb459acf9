"""The card of an ensemble: what `predict` needs of it beside its members."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from emoclr.evaluate.scores import Scores
from emoclr.finetune.ensemble.ensemble import EnsembleOutput, thresholds_of, weights_of
from emoclr.finetune.model.checkpoint import EnsembleCard
from emoclr.finetune.model.combination import COMBINATIONS
from emoclr.finetune.settings import FinetuneSettings
from emoclr.finetune.training.members import Members
from emoclr.pretrain.encoder.checkpoint import package_versions


def ensemble_card(
    out: Path,
    members: Members,
    outputs: Sequence[EnsembleOutput],
    scores: Scores,
    settings: FinetuneSettings,
    cautions: list[str],
    notes: list[str],
) -> EnsembleCard:
    """Returns the card of the members of all folds.

    Args:
        out: folder of the run.
        members: of the ensemble.
        outputs: of the ensemble in each fold.
        scores: on test clips; the card holds those of the first model.
        settings: of the run.
        cautions: what forbids conclusions.
        notes: on the labels and augmentations.
    """
    every = [member for folds in members.values() for member in folds]
    first = every[0].card
    weights = [round(float(weight), 6) for weight in weights_of(outputs)]
    thresholds = thresholds_of(outputs, settings.ensemble, len(every))
    metrics = scores.models[0].metrics
    return EnsembleCard(
        members=[member.folder.relative_to(out).as_posix() for member in every],
        how=settings.ensemble,
        weights=weights if COMBINATIONS[settings.ensemble].fits_weights else None,
        emotions=first.emotions,
        single_label=scores.truth.single_label,
        thresholds=[round(float(value), 6) for value in thresholds],
        window_s=first.window_s,
        hop_s=first.hop_s,
        short=settings.augment.short,
        channels=settings.channels or "auto",
        windows=settings.windows,
        cautions=cautions,
        notes=notes,
        metrics={name: round(found.value, 6) for name, found in metrics.items() if np.isfinite(found.value)},
        versions=package_versions(),
    )
