"""Which clips to label first: those that lie farthest, in an encoder's embeddings, from all that have labels."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from emoclr.corpus.clips.sources import clips_of
from emoclr.corpus.decoded.cache_settings import opener
from emoclr.corpus.labels.annotation.answers import read_clips_to_label
from emoclr.corpus.labels.annotation.pick import answered_clips, check_left, write_picked
from emoclr.corpus.labels.label_table import LabelTable
from emoclr.evaluate.linear_probe import Standardiser
from emoclr.pretrain.encoder.channels import with_channels
from emoclr.pretrain.encoder.checkpoint import load_encoder
from emoclr.pretrain.encoder.embedding import Embeddings
from emoclr.pretrain.encoder.folders import backbone_folders
from emoclr.probe.features.features import features_of
from emoclr.probe.settings import ProbeSettings

DIRECTIONS = 64
"""Of the standardised embeddings those that vary most."""

Rows = NDArray[np.int64]


def pick(
    source: Path, data: Path, out: Path, n: int, settings: ProbeSettings | None = None, labels: Path | None = None
) -> LabelTable:
    """Writes the clips of a table that should be labelled first, in this order, and returns them.

    The first ones of a longer pick are those of a shorter one. What is silent, cannot be read or has an answer is not
    picked.

    Args:
        source: run or backbone folder of `pretrain`, or a released encoder.
        data: table of clips, such as `corpus segment` writes it.
        out: the CSV, with the columns of `data` but those that would be emotions.
        n: how many; all where there are fewer.
        settings: how clips are embedded.
        labels: labels.csv of clips of the same table; those picked lie far from them.

    Raises:
        ConfigError: there is no encoder, no table, or nothing to pick from.
        EmoclrError: a checkpoint or a table is not as it should be, or `out` cannot be written.

    Examples:
        >>> pick(Path("nowhere"), Path("segments.csv"), Path("picked.csv"), 100)
        Traceback (most recent call last):
            ...
        emoclr.configs.errors.ConfigError: nowhere: ...
    """
    folders = backbone_folders(source)
    settings = settings or ProbeSettings()
    table = read_clips_to_label(data, settings.columns.given)
    check_left(data, n, answered_clips(table, labels))
    encoders = {folder.name: [load_encoder(folder)] for folder in folders}
    settings = with_channels(settings, [card for some in encoders.values() for _, card in some])
    store = opener(settings)(clips_of(table))
    table = table.select(store.source_rows)
    answered = answered_clips(table, labels)
    check_left(data, n, answered | store.silent)
    trained = [described for described in features_of(encoders, settings) if described.trained]
    points = np.concatenate([leading_directions(described.describe(store)) for described in trained], axis=1)
    left = np.flatnonzero(~answered & ~store.silent)
    start = points[answered] if answered.any() else None
    return write_picked(table, left[farthest_first(points[left], n, start, settings.seed)], out)


def leading_directions(embeddings: Embeddings, directions: int = DIRECTIONS) -> Embeddings:
    """Returns the principal components of standardised embeddings: (clips, features) to (clips, directions)."""
    exact = embeddings.astype(np.float64)
    standardised = Standardiser.of(exact)(exact)
    _, axes = np.linalg.eigh(standardised.T @ standardised)
    found: Embeddings = (standardised @ axes[:, : -directions - 1 : -1]).astype(np.float32)
    return found


def farthest_first(points: Embeddings, n: int, start: Embeddings | None, seed: int) -> Rows:
    """Returns `n` points, each the one that is farthest from its nearest neighbour among those before it.

    The greedy solution of k-centre (Gonzalez 1985; for labels: Sener & Savarese 2018,
    https://arxiv.org/abs/1708.00489): no point lies more than twice as far from the chosen ones as it has to.

    Args:
        points: (clips, directions).
        n: how many; all where there are fewer.
        start: points (others, directions) that are there already; None begins with a clip that is drawn.
        seed: of the draw.

    Examples:
        >>> line = np.array([[0.0], [1.0], [9.0], [10.0], [4.0]], np.float32)
        >>> farthest_first(line, 2, start=line[:1], seed=0).tolist()
        [3, 4]
    """
    distance = np.full(len(points), np.inf, dtype=np.float32)
    for point in [] if start is None else start:
        distance = np.minimum(distance, np.square(points - point).sum(1))
    chosen: list[int] = []
    while len(chosen) < min(n, len(points)):
        first = not chosen and start is None
        chosen.append(int(np.random.default_rng(seed).integers(len(points)) if first else distance.argmax()))
        distance = np.minimum(distance, np.square(points - points[chosen[-1]]).sum(1))
        distance[chosen] = -1  # a copy of one of them has 0
    return np.array(chosen, dtype=np.int64)
