"""Linear models of simple features, fitted to what networks are fine-tuned on: what these have to beat."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from emoclr.corpus.labels.division import Division
from emoclr.evaluate.scores import Prediction
from emoclr.finetune.data.labeled_clips import LabeledClips
from emoclr.finetune.settings import FinetuneSettings
from emoclr.finetune.training.initial_weights import SCRATCH, InitialWeights
from emoclr.pretrain.encoder.devices import choose_device
from emoclr.pretrain.encoder.embedding import Embeddings, embed_clips
from emoclr.probe.features.features import UNTRAINED, Features, features_of
from emoclr.probe.fitting import fit_probes, predictions_of
from emoclr.probe.settings import ProbeSettings


@dataclass(frozen=True)
class DescribedClips:
    """Clips by simple features: these, and for each one's name float32 (clips, features), rows as in the table."""

    features: Sequence[Features]
    matrices: Mapping[str, Embeddings]

    @property
    def names(self) -> list[str]:
        """What the features are called."""
        return [found.name for found in self.features]


def describe_simply(
    starts: Sequence[InitialWeights], labelled: LabeledClips, settings: FinetuneSettings
) -> DescribedClips:
    """Returns the labelled clips by what takes no training: untrained encoders, log-mel statistics, eGeMAPS."""
    # A head alone on what begins from scratch is one on an untrained encoder already.
    twins = [_untrained(start, labelled, settings) for start in starts if start.source(settings) != SCRATCH]
    features = [*twins, *features_of({}, ProbeSettings(seed=settings.seed, cache=settings.cache))]
    matrices = {described.name: described.describe(labelled.store)[labelled.rows] for described in features}
    return DescribedClips(features, matrices)


def linear_rows(
    described: DescribedClips, labelled: LabeledClips, division: Division, settings: FinetuneSettings
) -> list[Prediction]:
    """Returns a linear model of each features, by the protocol of `probe`, and chance."""
    table = labelled.table
    fits = fit_probes(described.matrices, table, division, settings.positive_share)
    scored = [{name: matrix[test] for name, matrix in described.matrices.items()} for _, test in division.folds]
    return predictions_of(described.features, fits, scored, table, division)[1]


def _untrained(start: InitialWeights, labelled: LabeledClips, settings: FinetuneSettings) -> Features:
    encoder, crop_s, _ = start.from_scratch().encoder(settings, labelled.store, labelled.tasks[0].train)
    name = f"{UNTRAINED} {start.name}"
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
