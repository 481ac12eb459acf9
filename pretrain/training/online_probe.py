"""Online probe: the probes of `probe` on a few labelled clips, every few steps of a pretraining."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
from numpy.typing import NDArray

from emoclr.configs.console import say
from emoclr.configs.errors import ConfigError
from emoclr.corpus.audio.decoder import SAMPLE_RATE
from emoclr.corpus.decoded.cache_settings import OpenWaveforms
from emoclr.corpus.decoded.labeled import open_labeled
from emoclr.corpus.decoded.waveforms import WaveformStore, open_waveforms
from emoclr.corpus.labels.division import inner_folds, speaker_task, without_emotions
from emoclr.corpus.labels.label_table import LabelTable
from emoclr.corpus.labels.labels_csv import read_labels
from emoclr.corpus.labels.splits import Rows, n_units, speaker_folds
from emoclr.corpus.labels.table_summary import tell_table
from emoclr.corpus.labels.tables.column_names import Given
from emoclr.evaluate.linear_probe import LinearProbe, untrainable_emotions
from emoclr.evaluate.metrics.ranking import macro_auroc
from emoclr.evaluate.positive_share import POSITIVE_SHARE
from emoclr.evaluate.speaker_probe import voice_hits
from emoclr.pretrain.encoder.embedding import Embeddings, embed_clips
from emoclr.pretrain.encoder.encoder import Encoder
from emoclr.pretrain.training.metrics_log import read_rows, write_rows
from emoclr.pretrain.training.saver import writing_into

MONITOR = "monitor.csv"
MAP = "embedding-map.csv"
MIN_CLIPS = 10
NEIGHBOURS = 20
FOLDS_WITHOUT_SPLIT = 4
PERPLEXITY = 30.0


@dataclass(frozen=True)
class ProbedClips:
    """The clips that an encoder is tried on.

    Attributes:
        table: their labels.
        store: their audio, clip i that of row i.
        fit_rows: rows that probes are fitted to.
        score_rows: rows of other speakers (of one speaker: other recordings) that they are scored on.
        positive_share: the share from which an emotion is there.
    """

    table: LabelTable
    store: WaveformStore
    fit_rows: Rows
    score_rows: Rows
    positive_share: float = POSITIVE_SHARE


def open_probed_clips(
    source: Path,
    max_clips: int,
    seed: int,
    opened: OpenWaveforms = open_waveforms,
    positive_share: float = POSITIVE_SHARE,
    columns: Given | None = None,
) -> ProbedClips:
    """Returns the clips of a labels.csv that an encoder is tried on.

    Fitted to are rows of its training split and scored those of its validation split; without either, its clips are
    divided by speaker; where there is only one, by recording. Test rows are never looked at.

    Args:
        source: the labels.csv.
        max_clips: clips on either side; of more, so many are drawn.
        seed: of the draw and of the division.
        opened: decodes clips.
        positive_share: the share from which an emotion is there.
        columns: columns by their meaning, where their names do not tell it.

    Raises:
        ConfigError: a side has fewer than ten clips.
        LabelsError: the labels are not as they should be.
    """
    table = read_labels(source, columns=columns, lenient=True)
    tell_table(table, by="drawn")
    generator = np.random.default_rng(seed)
    sides = [np.sort(generator.permutation(rows)[:max_clips]) for rows in _sides(table, seed)]
    table = table.select(np.concatenate(sides))
    fitted = np.arange(len(table)) < len(sides[0])
    if min(map(len, sides)) >= MIN_CLIPS:
        labeled = open_labeled(table, opened)
        store, table = labeled.store, labeled.table
        fitted = fitted[store.source_rows]
    fit_rows, score_rows = np.flatnonzero(fitted), np.flatnonzero(~fitted)
    for rows, purpose in ((fit_rows, "fit to"), (score_rows, "score on")):
        if len(rows) < MIN_CLIPS:
            raise ConfigError(
                f"monitor: {source}: has {len(rows)} readable clips to {purpose}, where {MIN_CLIPS} are the fewest"
            )
    return ProbedClips(table, store, fit_rows, score_rows, positive_share)


def _sides(table: LabelTable, seed: int) -> tuple[Rows, Rows]:
    known = np.arange(len(table))
    if table.splits is not None:
        train, validation = table.rows_of("train"), table.rows_of("validation")
        if len(train) and len(validation):
            return train, validation
        known = np.sort(np.concatenate([train, validation]))
    part = table.select(known)
    fit, score = speaker_folds(part, max(2, min(FOLDS_WITHOUT_SPLIT, n_units(part))), seed)[0]
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
        seed: of the probes and of the map.
    """

    def __init__(
        self, folder: Path, monitored: ProbedClips, encoder: Encoder, every: int, crop_s: float, seed: int
    ) -> None:
        self.folder = folder
        self.monitored = monitored
        self.encoder = encoder
        self.every = every
        self.window_s = crop_s
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
        features = embed_first_windows(self.encoder, monitored.store, self.window_s)
        found = probe_scores(features, monitored, self.seed)
        self.rows.append({"step": float(trainer.global_step), **found})
        with writing_into(self.folder):
            write_rows(self.folder / MONITOR, self.rows)
            write_map(self.folder / MAP, features[monitored.score_rows], monitored, self.seed)
            points = {f"monitor/{name}": value for name, value in found.items()}
            for logger in trainer.loggers:
                logger.log_metrics(points, step=trainer.global_step)
        say(f"{self.folder.name}: step {trainer.global_step}: {summary(found)}")


def summary(scores: dict[str, float]) -> str:
    """Returns the scores of `probe_scores` in words."""
    words = f"macro AUROC {scores['linear_auroc']:.3f} by linear probe, {scores['knn_auroc']:.3f} by neighbours"
    if np.isnan(scores["speaker_accuracy"]):
        return words
    return f"{words}; speaker named {scores['speaker_accuracy']:.3f} (chance {scores['speaker_chance']:.3f})"


class FirstWindows:
    """The first window of each clip of a store, as clips of their own (`Waveforms`)."""

    def __init__(self, store: WaveformStore, window_s: float) -> None:
        self.store = store
        self.samples = np.minimum(store.samples, round(window_s * SAMPLE_RATE))

    def __len__(self) -> int:
        return len(self.samples)

    def waveform(self, clip: int) -> NDArray[np.float32]:
        """Returns the first window of a clip, float32 `(samples,)`."""
        return self.store.crop(clip, 0, int(self.samples[clip]))

    def crop(self, clip: int, start_sample: int, n_samples: int) -> NDArray[np.float32]:
        """Returns a part of it, float32 `(samples,)`."""
        return self.store.crop(clip, start_sample, min(n_samples, int(self.samples[clip]) - start_sample))


def embed_first_windows(encoder: Encoder, store: WaveformStore, window_s: float) -> Embeddings:
    """Returns embeddings of the first window of each clip, float32 (clips, features).

    The encoder is in eval mode only meanwhile, so that its running averages are left alone, and nothing random is
    drawn.
    """
    training = encoder.training
    device = next(encoder.parameters()).device.type
    first = FirstWindows(store, window_s)
    try:
        return embed_clips(
            encoder, first, window_s, window_s, description="monitor", device=device, short=encoder.settings.short
        )
    finally:
        encoder.train(training)


def probe_scores(features: NDArray[np.floating], monitored: ProbedClips, seed: int) -> dict[str, float]:
    """Returns what embeddings tell of emotions and of speakers, as the report of `probe` would on the same clips.

    `linear_auroc` is the macro AUROC of its linear probe, fitted to some speakers and scored on others. `knn_auroc` is
    that of the mean shares of the 20 nearest neighbours by cosine. `speaker_accuracy` is that of its speaker probe on
    all of the clips; `speaker_chance` is one over how many voices it tells apart. NaN where it cannot be measured.

    Args:
        features: (clips, features).
        monitored: the clips.
        seed: of the folds that choose the regularisation, and of the halves of the speaker probe.
    """
    from sklearn.neighbors import KNeighborsRegressor

    fit, score, share = monitored.fit_rows, monitored.score_rows, monitored.positive_share
    targets = monitored.table.targets.astype(np.float64)
    neighbours = KNeighborsRegressor(min(NEIGHBOURS, len(fit)), metric="cosine").fit(features[fit], targets[fit])
    task = speaker_task(monitored.table, seed)
    return {
        "linear_auroc": _linear_auroc(features, monitored, seed),
        "knn_auroc": macro_auroc(targets[score], neighbours.predict(features[score]), share),
        "speaker_accuracy": float(voice_hits(features, task, seed).mean()) if task else np.nan,
        "speaker_chance": 1 / len(task.names) if task else np.nan,
    }


def _linear_auroc(features: NDArray[np.floating], monitored: ProbedClips, seed: int) -> float:
    """Returns the macro AUROC of a linear probe; emotions that cannot be learned from the fitted clips are left out."""
    fit, score, share = monitored.fit_rows, monitored.score_rows, monitored.positive_share
    single_label = monitored.table.single_label
    table = without_emotions(monitored.table, sorted(untrainable_emotions(monitored.table.targets[fit], share)))
    if not table.emotions or n_units(table.select(fit)) < 2:
        return float("nan")
    if single_label:
        score = score[table.targets[score].any(axis=1)]
    probe = LinearProbe(single_label, share).fit(features[fit], table.targets[fit], inner_folds(table, fit, seed))
    return macro_auroc(table.targets[score], probe.predict_proba(features[score]), share)


def write_map(path: Path, features: NDArray[np.floating], monitored: ProbedClips, seed: int) -> None:
    """Writes where the scored clips lie on a plane: x, y, the strongest emotion and the speaker of each.

    t-SNE of the standardised embeddings by cosine, started from their principal components.
    """
    import pandas as pd
    from sklearn.manifold import TSNE
    from sklearn.preprocessing import StandardScaler

    from emoclr.configs.files import text_cell, write_atomically

    scored = monitored.table.select(monitored.score_rows)
    perplexity = min(PERPLEXITY, (len(features) - 1) / 3)
    tsne = TSNE(perplexity=perplexity, metric="cosine", init="pca", random_state=seed, n_jobs=1)
    places = tsne.fit_transform(StandardScaler().fit_transform(features))
    columns = {
        "x": places[:, 0],
        "y": places[:, 1],
        "emotion": [scored.emotions[place] for place in scored.targets.argmax(axis=1)],
        "speaker": [text_cell(speaker) for speaker in scored.speakers or [""] * len(scored)],
    }
    table = pd.DataFrame(columns)
    write_atomically(path, lambda temporary: table.to_csv(temporary, index=False, float_format="%.4g"))
