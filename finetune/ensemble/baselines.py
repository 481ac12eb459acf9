"""Baselines: heads alone, networks from scratch, linear models of simple features, and chance."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from emoclr.corpus.labels.division import Division
from emoclr.evaluate.paired import HEAD_ALONE, UNTRAINED
from emoclr.evaluate.scores import Prediction, concatenate_folds
from emoclr.finetune.data.labeled_clips import LabeledClips
from emoclr.finetune.ensemble.report_rows import from_scratch, member_row
from emoclr.finetune.settings import FinetuneSettings
from emoclr.finetune.training.initial_weights import SCRATCH, InitialWeights
from emoclr.finetune.training.members import Members, backbone_of
from emoclr.pretrain.encoder.devices import choose_device
from emoclr.pretrain.encoder.embedding import Embeddings, embed_clips
from emoclr.probe.features.features import Features, features_of
from emoclr.probe.fitting import fit_probes, predictions_of
from emoclr.probe.settings import ProbeSettings


@dataclass(frozen=True)
class SimpleFeatures:
    """Features that take no training, of the labeled clips.

    Attributes:
        features: each with its name.
        matrices: by name, float32 (clips, features), rows as in the table of labels.
    """

    features: Sequence[Features]
    matrices: Mapping[str, Embeddings]

    @property
    def names(self) -> list[str]:
        """The names of the features."""
        return [found.name for found in self.features]


def simple_features(
    initial_weights: Sequence[InitialWeights], labeled: LabeledClips, settings: FinetuneSettings
) -> SimpleFeatures:
    """Returns features of untrained encoders, log-mel statistics and eGeMAPS."""
    # From scratch, the head alone is one on an untrained encoder already.
    untrained = [
        _untrained(initial, labeled, settings)
        for initial in initial_weights
        if not initial.finished and initial.source(settings) != SCRATCH
    ]
    features = [*untrained, *features_of({}, ProbeSettings(seed=settings.seed, cache=settings.cache))]
    matrices = {found.name: found.describe(labeled.store)[labeled.rows] for found in features}
    return SimpleFeatures(features, matrices)


def linear_rows(
    features: SimpleFeatures, labeled: LabeledClips, division: Division, settings: FinetuneSettings
) -> list[Prediction]:
    """Returns a linear model of each of the features, by the protocol of `probe`, and chance."""
    table = labeled.table
    fits = fit_probes(features.matrices, table, division, settings.positive_share)
    scored = [{name: matrix[test] for name, matrix in features.matrices.items()} for _, test in division.folds]
    return predictions_of(features.features, fits, scored, table, division)[1]


def baseline_rows(
    members: Members,
    scratch: Members,
    features: SimpleFeatures,
    labeled: LabeledClips,
    settings: FinetuneSettings,
) -> list[Prediction]:
    """Returns the baselines: heads alone, networks from scratch, linear models of simple features, and chance.

    Args:
        members: of the run; the first seed of each backbone stands for its head alone, which no seed changes.
        scratch: the same recipe without pretraining.
        features: of the labeled clips.
        labeled: the clips.
        settings: of the run.
    """
    heads: dict[str, Prediction] = {}
    # With a frozen backbone the members are these heads; finished models have learned elsewhere.
    for name, folds in members.items() if settings.freeze == "none" else ():
        predictions = [(member.head_only, member.head_only_thresholds) for member in folds]
        heads.setdefault(backbone_of(name), concatenate_folds(f"{HEAD_ALONE}, {backbone_of(name)}", predictions))
    supervised = [member_row(from_scratch(name), folds) for name, folds in scratch.items()]
    linear = linear_rows(features, labeled, labeled.division, settings)
    return [*heads.values(), *supervised, *linear]


def _untrained(initial: InitialWeights, labeled: LabeledClips, settings: FinetuneSettings) -> Features:
    encoder, crop_s, _ = initial.from_scratch().encoder(settings, labeled.store, labeled.tasks[0].train)
    name = f"{UNTRAINED} {initial.name}"
    describe = partial(
        embed_clips,
        encoder,
        window_s=crop_s,
        hop_s=min(settings.hop_s or crop_s / 2, crop_s),
        description=f"embedding: {name}",
        device=choose_device(settings.accelerator),
        short=settings.augment.short,
    )
    return Features(name, describe)
