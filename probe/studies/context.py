"""What the studies of a probe's report are made of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from emoclr.corpus.decoded.waveforms import WaveformStore
from emoclr.corpus.labels.cross_corpus import CrossCorpus
from emoclr.corpus.labels.division import Division
from emoclr.corpus.labels.label_table import LabelTable
from emoclr.evaluate.linear_probe import Rows
from emoclr.evaluate.scores import Prediction, Scores, Truth
from emoclr.pretrain.encoder.embedding import Embeddings
from emoclr.probe.features.features import Features
from emoclr.probe.fitting import Fits
from emoclr.probe.settings import ProbeSettings


@dataclass(frozen=True)
class Context:
    """A probe that was fitted and scored.

    Attributes:
        settings: of the probe.
        table: labels of the clips that were fitted to or scored.
        division: its clips in folds.
        store: the clips as recorded.
        rows: (clips of the table,) their numbers in the store.
        features: what the probes were fitted to.
        matrices: for each features' name float32 (clips of the table, features).
        fits: the probes of each features and fold.
        truth: the scored clips.
        models: predictions of the encoders' probes for them, the ensemble's first where there is one.
        baselines: predictions of what they are compared with.
        scores: the metrics of both.
        crossing: both corpora where one was fitted to and another is scored, else None.
    """

    settings: ProbeSettings
    table: LabelTable
    division: Division
    store: WaveformStore
    rows: Rows
    features: Sequence[Features]
    matrices: Mapping[str, Embeddings]
    fits: Fits
    truth: Truth
    models: Sequence[Prediction]
    baselines: Sequence[Prediction]
    scores: Scores
    crossing: CrossCorpus | None
