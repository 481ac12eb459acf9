"""What an encoder knows while it is trained: small probes on labelled clips whose speakers are apart."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from numpy.typing import NDArray

from emoclr.configs.console import say
from emoclr.configs.errors import ConfigError
from emoclr.corpus.audio.decoder import SAMPLE_RATE
from emoclr.corpus.audio.padding import fill_to
from emoclr.corpus.clips.sources import clips_of
from emoclr.corpus.decoded.waveforms import WaveformStore, open_waveforms
from emoclr.corpus.index.stats import HEARD_SHARE
from emoclr.corpus.labels.labels import LabelTable, read_labels
from emoclr.corpus.labels.splits import Rows, speaker_folds
from emoclr.pretrain.encoder.encoder import Encoder
from emoclr.pretrain.training.metrics_log import read_rows, write_rows
from emoclr.pretrain.training.saver import writing_into

MONITOR = "monitor.csv"
MAP = "embedding-map.csv"
MIN_CLIPS = 10
NEIGHBOURS = 20
FOLDS_WITHOUT_SPLIT = 4
BATCH = 64
RIDGE_STRENGTHS = tuple(float(strength) for strength in np.logspace(6, 0, 13))
PERPLEXITY = 30.0

Array = NDArray[np.float64]


@dataclass(frozen=True)
class ProbedClips:
    """The clips that an encoder is tried on.

    Attributes:
        table: their labels.
        store: their audio, clip i that of row i.
        fit_rows: rows that probes are fitted to.
        score_rows: rows of other speakers that they are scored on.
    """

    table: LabelTable
    store: WaveformStore
    fit_rows: Rows
    score_rows: Rows


def open_probed_clips(
    source: Path, most: int, seed: int, cache: Path | None, cache_gb: float | None = None
) -> ProbedClips:
    """Returns the clips of a labels.csv that an encoder is tried on.

    Fitted to are rows of its training split and scored those of its validation split; without either, its clips are
    divided by speaker. Test rows are never looked at.

    Args:
        source: the labels.csv.
        most: clips on either side; of more, so many are drawn.
        seed: of the draw and of the division.
        cache: folder of decoded audio, None for the usual one.
        cache_gb: how much may be kept there, None for the usual share.

    Raises:
        ConfigError: a side has fewer than ten clips.
        LabelsError: the labels are not as they should be.
    """
    table = read_labels(source)
    generator = np.random.default_rng(seed)
    sides = [np.sort(generator.permutation(rows)[:most]) for rows in _sides(table, seed)]
    table = table.select(np.concatenate(sides))
    fitted = np.arange(len(table)) < len(sides[0])
    if min(map(len, sides)) >= MIN_CLIPS:
        store = open_waveforms(clips_of(table), cache, cache_gb=cache_gb)
        table, fitted = table.select(store.source_rows), fitted[store.source_rows]
    fit_rows, score_rows = np.flatnonzero(fitted), np.flatnonzero(~fitted)
    for rows, purpose in ((fit_rows, "fit to"), (score_rows, "score on")):
        if len(rows) < MIN_CLIPS:
            raise ConfigError(
                f"monitor: {source}: has {len(rows)} readable clips to {purpose}, where {MIN_CLIPS} are the fewest"
            )
    return ProbedClips(table, store, fit_rows, score_rows)


def _sides(table: LabelTable, seed: int) -> tuple[Rows, Rows]:
    known = np.arange(len(table))
    if table.splits is not None:
        train, validation = table.rows_of("train"), table.rows_of("validation")
        if len(train) and len(validation):
            return train, validation
        known = np.sort(np.concatenate([train, validation]))
    part = table.select(known)
    fit, score = speaker_folds(part, FOLDS_WITHOUT_SPLIT, seed)[0]
    return known[fit], known[score]


class OnlineProbe(pl.Callback):
    """Tries the encoder every few steps, before the first one and after the last; leaves training as it was.

    Each time adds a row to `monitor.csv` and points to TensorBoard, and draws the scored clips' embeddings on a plane,
    `embedding-map.csv`.

    Args:
        folder: the backbone's folder.
        monitored: the clips.
        encoder: what is trained.
        every: steps between two looks.
        crop_s: how much of the beginning of each clip is heard, in s.
        seed: of the speaker probe's halves and of the map.
    """

    def __init__(
        self, folder: Path, monitored: ProbedClips, encoder: Encoder, every: int, crop_s: float, seed: int
    ) -> None:
        self.folder = folder
        self.monitored = monitored
        self.encoder = encoder
        self.every = every
        self.window = round(crop_s * SAMPLE_RATE)
        self.seed = seed
        self.rows: list[dict[str, float]] = []

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Takes over the rows of the run that is continued, or looks at the start."""
        self.rows = [row for row in read_rows(self.folder / MONITOR) if row["step"] <= trainer.global_step]
        if trainer.global_step == 0:
            self.rows = []
            self.look(trainer)

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Looks where it is due."""
        step = trainer.global_step
        looked = bool(self.rows) and self.rows[-1]["step"] == step  # a skipped step leaves the counter where it was
        if not looked and (step % self.every == 0 or step == trainer.max_steps):
            self.look(trainer)

    def look(self, trainer: pl.Trainer) -> None:
        """Tries the encoder as it is now."""
        if not trainer.is_global_zero:
            return
        monitored = self.monitored
        features = first_windows(self.encoder, monitored.store, self.window)
        found = probe_scores(features, monitored, self.seed)
        self.rows.append({"step": float(trainer.global_step), **found})
        with writing_into(self.folder):
            write_rows(self.folder / MONITOR, self.rows)
            write_map(self.folder / MAP, features[monitored.score_rows], monitored, self.seed)
            points = {f"monitor/{name}": value for name, value in found.items()}
            for logger in trainer.loggers:
                logger.log_metrics(points, step=trainer.global_step)
        say(f"{self.folder.name}: step {trainer.global_step}: {told(found)}")


def told(found: dict[str, float]) -> str:
    """Returns the scores of a look in words."""
    words = f"macro AUROC {found['linear_auroc']:.3f} by linear probe, {found['knn_auroc']:.3f} by neighbours"
    if np.isnan(found["speaker_accuracy"]):
        return words
    return f"{words}; speaker named {found['speaker_accuracy']:.3f} (chance {found['speaker_chance']:.3f})"


def first_windows(encoder: Encoder, store: WaveformStore, window: int) -> Array:
    """Returns embeddings of the first `window` samples of each clip, (clips, features).

    The encoder is in eval mode only meanwhile, so that its running averages are left alone, and nothing random is
    drawn.
    """
    device = next(encoder.parameters()).device
    training = encoder.training
    encoder.eval()
    found = []
    try:
        with torch.no_grad():
            for begin in range(0, len(store), BATCH):
                clips = range(begin, min(begin + BATCH, len(store)))
                crops = np.stack(
                    [fill_to(store.crop(clip, 0, window), window, encoder.settings.short) for clip in clips]
                )
                found.append(encoder(torch.from_numpy(crops).to(device)).double().cpu().numpy())
    finally:
        encoder.train(training)
    return np.concatenate(found)


def probe_scores(features: Array, monitored: ProbedClips, seed: int) -> dict[str, float]:
    """Returns what embeddings tell of emotions and of speakers.

    `linear_auroc` is a ridge regression of the shares, `knn_auroc` the mean shares of the 20 nearest neighbours by
    cosine, each as macro AUROC over the emotions that some scored clip has and another has not. `speaker_accuracy`: a
    ridge regression learns voices of the fitted clips from half of the sentences (of the recordings, where the CSV has
    no column `sentence`) and names them in the other half; `speaker_chance` is one over how many there are. NaN where
    it cannot be measured.
    """
    from sklearn.neighbors import KNeighborsRegressor

    fit, score = monitored.fit_rows, monitored.score_rows
    targets = monitored.table.targets.astype(np.float64)
    neighbours = KNeighborsRegressor(min(NEIGHBOURS, len(fit)), metric="cosine").fit(features[fit], targets[fit])
    accuracy, voices = _speaker_accuracy(features[fit], monitored.table.select(fit), seed)
    return {
        "linear_auroc": _macro_auroc(targets[score], _ridge(features[fit], targets[fit], features[score])),
        "knn_auroc": _macro_auroc(targets[score], neighbours.predict(features[score])),
        "speaker_accuracy": accuracy,
        "speaker_chance": 1 / voices if voices else np.nan,
    }


def _ridge(features: Array, targets: Array, asked: Array) -> Array:
    """Returns the answers of a ridge regression, whose strength is chosen by leaving out one clip at a time."""
    from sklearn.linear_model import RidgeCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model = make_pipeline(StandardScaler(), RidgeCV(RIDGE_STRENGTHS))
    answers: Array = model.fit(features, targets).predict(asked).reshape(len(asked), targets.shape[1])
    return answers


def _macro_auroc(targets: Array, answers: Array) -> float:
    from sklearn.metrics import roc_auc_score

    heard = targets >= HEARD_SHARE
    usable = heard.any(axis=0) & ~heard.all(axis=0)
    if not usable.any():
        return float("nan")
    return float(np.mean([roc_auc_score(heard[:, e], answers[:, e]) for e in np.flatnonzero(usable)]))


def _speaker_accuracy(features: Array, table: LabelTable, seed: int) -> tuple[float, int]:
    """Returns the share of clips whose speaker is named, and how many speakers there are; NaN and 0 without."""
    if table.speakers is None:
        return float("nan"), 0
    sentences = table.groups.get("sentence", [str(path) for path in table.paths])
    different = np.unique(np.array(sentences))
    half = np.random.default_rng(seed).permutation(different)[: len(different) // 2]
    learned = np.isin(np.array(sentences), half)
    speakers = np.array(table.speakers)
    both = np.intersect1d(speakers[learned], speakers[~learned])
    if len(both) < 2:
        return float("nan"), 0
    known = np.isin(speakers, both)
    fit, asked = known & learned, known & ~learned
    codes = np.searchsorted(both, speakers)
    answers = _ridge(features[fit], np.eye(len(both))[codes[fit]], features[asked])
    return float(np.mean(answers.argmax(axis=1) == codes[asked])), len(both)


def write_map(path: Path, features: Array, monitored: ProbedClips, seed: int) -> None:
    """Writes where the scored clips lie on a plane: x, y, the strongest emotion and the speaker of each.

    t-SNE of the standardised embeddings by cosine, started from their principal components.
    """
    import pandas as pd
    from sklearn.manifold import TSNE
    from sklearn.preprocessing import StandardScaler

    from emoclr.configs.files import write_atomically

    scored = monitored.table.select(monitored.score_rows)
    perplexity = min(PERPLEXITY, (len(features) - 1) / 3)
    tsne = TSNE(perplexity=perplexity, metric="cosine", init="pca", random_state=seed, n_jobs=1)
    places = tsne.fit_transform(StandardScaler().fit_transform(features))
    columns = {
        "x": places[:, 0],
        "y": places[:, 1],
        "emotion": [scored.emotions[place] for place in scored.targets.argmax(axis=1)],
        "speaker": scored.speakers or [""] * len(scored),
    }
    table = pd.DataFrame(columns)
    write_atomically(path, lambda temporary: table.to_csv(temporary, index=False, float_format="%.4g"))
