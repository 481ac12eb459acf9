"""Whether picking the clips to label pays: macro AUROC after few labels, picked in several ways, against drawn ones.

`python benchmarks/picking.py votes.csv --from checkpoints/my-run` embeds the training and validation rows of a
labels.csv once. A linear probe is fitted to the picked training clips and scored on the validation speakers, seed by
seed. Labels are those of one listener, drawn from the shares, or with `--votes` the shares. `--mostly 0.8` leaves
clips out until that share of the training clips has the commonest emotion, as in everyday recordings.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans

from emoclr.configs.console import track
from emoclr.corpus import clips_of, open_waveforms, read_labels
from emoclr.corpus.labels.annotation.pick import in_turn
from emoclr.evaluate.linear_probe import LinearProbe, Standardiser, untrainable_emotions
from emoclr.evaluate.metrics.ranking import macro_auroc
from emoclr.evaluate.positive_share import POSITIVE_SHARE
from emoclr.pretrain.encoder.checkpoint import load_encoder
from emoclr.pretrain.encoder.embedding import embed_clips

DIRECTIONS = 64
NEIGHBOURS = 20
FOLDS = 5

Matrix = NDArray[np.float64]
Rows = NDArray[np.int64]
Pick = Callable[[Matrix, list[str], int, np.random.Generator], Rows]


def at_random(points: Matrix, voices: list[str], n: int, draw: np.random.Generator) -> Rows:
    return draw.permutation(len(points))[:n]


def speakers_in_turn(points: Matrix, voices: list[str], n: int, draw: np.random.Generator) -> Rows:
    return in_turn(voices, np.zeros(len(points), dtype=np.bool_), int(draw.integers(1 << 31)))[:n]


def k_centre(points: Matrix, voices: list[str], n: int, draw: np.random.Generator) -> Rows:
    """Each is the farthest from those before it (Sener & Savarese 2018)."""
    chosen = [int(draw.integers(len(points)))]
    distance = np.full(len(points), np.inf)
    while len(chosen) < n:
        distance = np.minimum(distance, np.square(points - points[chosen[-1]]).sum(1))
        chosen.append(int(distance.argmax()))
    return np.array(chosen)


def typical(points: Matrix, voices: list[str], n: int, draw: np.random.Generator) -> Rows:
    """The densest of each cluster of k-means (TypiClust, Hacohen et al. 2022)."""
    of_clip = KMeans(n, n_init=1, random_state=int(draw.integers(1 << 30))).fit(points).labels_
    chosen = []
    for cluster in range(n):
        members = np.flatnonzero(of_clip == cluster)
        gaps = np.sort(np.linalg.norm(points[members][:, None] - points[members][None], axis=2), axis=1)
        spread = gaps[:, 1 : NEIGHBOURS + 1].mean(1) if len(members) > 1 else np.zeros(1)
        chosen.append(members[spread.argmin()])
    return np.array(chosen)


METHODS: dict[str, Pick] = {
    "drawn at random": at_random,
    "speakers in turn (`corpus pick`)": speakers_in_turn,
    "k-centre": k_centre,
    "TypiClust": typical,
}
DOUBT = "half k-centre, half those in doubt"


class Trial:
    """What a probe of some training clips is worth on the validation clips."""

    def __init__(self, embeddings: Matrix, shares: Matrix, given: Matrix, speakers: list[str], scored: Rows) -> None:
        self._embeddings, self._shares, self._given = embeddings, shares, given
        self._speakers, self._scored = np.array(speakers), scored

    def fit(self, rows: Rows, draw: np.random.Generator) -> tuple[LinearProbe, list[int]]:
        """Returns the probe, and which emotions these clips can teach."""
        given = self._given[rows]
        lacking = untrainable_emotions(given)
        usable = [emotion for emotion in range(given.shape[1]) if emotion not in lacking]
        people = draw.permutation(np.unique(self._speakers[rows]))
        fold_of = {speaker: place % FOLDS for place, speaker in enumerate(people)}
        folds = np.array([fold_of[speaker] for speaker in self._speakers[rows]])
        parts = [(np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)) for fold in np.unique(folds)]
        return LinearProbe(False).fit(self._embeddings[rows], given[:, usable], parts), usable

    def score(self, rows: Rows, draw: np.random.Generator) -> float:
        """Returns macro AUROC; an emotion that no clip teaches has 0.5."""
        probe, usable = self.fit(rows, draw)
        predicted = np.full((len(self._scored), self._shares.shape[1]), 0.5)
        predicted[:, usable] = probe.predict_proba(self._embeddings[self._scored])
        return macro_auroc(self._shares[self._scored], predicted, POSITIVE_SHARE)

    def doubtful(self, rows: Rows, others: Rows, n: int, draw: np.random.Generator) -> Rows:
        """Returns those of `others` of which a probe of `rows` is in the greatest doubt, by entropy."""
        probability = np.clip(self.fit(rows, draw)[0].predict_proba(self._embeddings[others]), 1e-6, 1 - 1e-6)
        entropy = -(probability * np.log(probability) + (1 - probability) * np.log(1 - probability)).sum(1)
        return others[np.argsort(-entropy)[:n]]


def directions_of(embeddings: Matrix) -> Matrix:
    """Returns the principal components of standardised embeddings."""
    standardised = Standardiser.of(embeddings)(embeddings).astype(np.float32)
    _, axes = np.linalg.eigh(standardised.T @ standardised)
    return (standardised @ axes[:, : -DIRECTIONS - 1 : -1]).astype(np.float64)


def pool_of(train: Rows, shares: Matrix, mostly: float | None, draw: np.random.Generator) -> Rows:
    """Returns the clips to pick from."""
    if mostly is None:
        return train
    likeliest = shares[train].argmax(1)
    common = likeliest == np.bincount(likeliest).argmax()
    others = draw.choice(train[~common], round(common.sum() * (1 - mostly) / mostly), replace=False)
    return np.sort(np.concatenate([train[common], others]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("labels", type=Path)
    parser.add_argument("--from", dest="source", required=True)
    parser.add_argument("--sizes", type=int, nargs="+", default=[50, 100, 200])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--votes", action="store_true")
    parser.add_argument("--mostly", type=float)
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--embeddings", type=Path, help=".npy that keeps them for the next call")
    arguments = parser.parse_args()

    table = read_labels(arguments.labels)
    table = table.select([split != "test" for split in table.splits or []])
    store = open_waveforms(clips_of(table), cache_dir=arguments.cache)
    table = table.select(store.source_rows)
    if arguments.embeddings and arguments.embeddings.exists():
        embeddings = np.load(arguments.embeddings)
    else:
        encoder, card = load_encoder(arguments.source)
        embeddings = embed_clips(encoder, store, card.crop_s, card.crop_s / 2, short=encoder.settings.short)
        if arguments.embeddings:
            np.save(arguments.embeddings, embeddings)
    embeddings, shares = embeddings.astype(np.float64), table.targets.astype(np.float64)
    train, scored = table.rows_of("train"), table.rows_of("validation")
    assert table.speakers is not None
    found: dict[tuple[str, int], list[float]] = {}
    pool, points, whole = np.empty(0, np.int64), np.empty((0, 0)), 0.0
    for seed in track(range(arguments.seeds), "seeds"):
        draw = np.random.default_rng([seed, 7])
        heard = np.stack([draw.multinomial(1, of_clip / of_clip.sum()) for of_clip in shares]).astype(np.float64)
        trial = Trial(embeddings, shares, shares if arguments.votes else heard, table.speakers, scored)
        if seed == 0 or arguments.mostly is not None:
            pool = pool_of(train, shares, arguments.mostly, draw)
            points = directions_of(embeddings[pool])
        voices = [table.speakers[row] for row in pool]
        for n in arguments.sizes:
            for name, method in METHODS.items():
                rows = pool[method(points, voices, n, np.random.default_rng([seed, n]))]
                found.setdefault((name, n), []).append(trial.score(rows, np.random.default_rng(seed)))
            half = pool[k_centre(points, voices, n // 2, np.random.default_rng([seed, n]))]
            more = trial.doubtful(half, np.setdiff1d(pool, half), n - n // 2, np.random.default_rng(seed))
            score = trial.score(np.concatenate([half, more]), np.random.default_rng(seed))
            found.setdefault((DOUBT, n), []).append(score)
        whole = whole or trial.score(pool, np.random.default_rng(seed))
    print(f"all {len(pool):,} clips (one seed): {whole:.3f}")
    print(f"| picked | {' | '.join(map(str, arguments.sizes))} |")
    print(f"| --- |{' ---: |' * len(arguments.sizes)}")
    for name in [*METHODS, DOUBT]:
        cells = []
        for n in arguments.sizes:
            scores, drawn = np.array(found[name, n]), np.array(found["drawn at random", n])
            gain, error = (scores - drawn).mean(), (scores - drawn).std(ddof=1) / np.sqrt(len(scores))
            cells.append(
                f"{scores.mean():.3f}" + ("" if name == "drawn at random" else f" ({gain:+.3f} ± {error:.3f})")
            )
        print(f"| {name} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
