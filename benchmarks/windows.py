"""How short clips are best filled, and how the windows of a long one are best pooled.

    python benchmarks/windows.py RUN LABELS.csv

RUN is one backbone's folder of a pretraining run. Ridge probes are fitted to the training speakers of the CSV and
scored on its validation speakers (macro AUROC, mAP); test speakers take no part. The second table also scores
recordings that hold two emotions: two clips of one speaker behind each other, each emotion as strong as in the
stronger clip.
"""

import argparse
from pathlib import Path
from typing import get_args

# The folder of this script would be looked through first, and it holds a file that is called like a package.
import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, roc_auc_score

from emoclr.corpus.audio.padding import Padding, fix_length
from emoclr.corpus.clips.sources import clips_of
from emoclr.corpus.decoded.waveforms import WaveformStore, open_waveforms
from emoclr.corpus.labels.label_table import LabelTable
from emoclr.corpus.labels.labels_csv import read_labels
from emoclr.corpus.labels.splits import speaker_folds
from emoclr.evaluate.linear_probe import LinearProbe
from emoclr.evaluate.pooling import Pooling, pool_windows
from emoclr.evaluate.positive_share import POSITIVE_SHARE
from emoclr.pretrain.encoder.checkpoint import load_encoder, untrained_encoder
from emoclr.pretrain.encoder.encoder import Encoder
from emoclr.pretrain.encoder.windows import window_starts

RATE = 16_000
SEED = 0
Array = NDArray[np.float64]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("run", type=Path)
    parser.add_argument("labels", type=Path)
    parser.add_argument("--every", type=int, default=1, help="take one of so many clips")
    arguments = parser.parse_args()
    encoder, card = load_encoder(arguments.run)
    table = read_labels(arguments.labels)
    rows = np.concatenate([table.rows_of("train"), table.rows_of("validation")])[:: arguments.every]
    store = open_waveforms(clips_of(table.select(rows)))
    table = table.select(rows[store.source_rows])
    short_table(encoder, untrained_encoder(card, SEED), store, table)
    window_table(encoder, store, table)


def short_table(trained: Encoder, untrained: Encoder, store: WaveformStore, table: LabelTable) -> None:
    """Prints what filling clips to one window of 5 s costs, for each way of filling."""
    print("| one window of 5 s filled by | untrained | pretrained |\n| --- | --- | --- |", flush=True)
    for short in get_args(Padding):
        cells = []
        for encoder in (untrained, trained):
            crops = [fix_length(store.crop(clip, 0, 5 * RATE), 5 * RATE, short) for clip in range(len(store))]
            embedded = embed(encoder, crops)
            probabilities = probe_of(embedded, table).predict_proba(embedded[table.rows_of("validation")])
            cells.append(scores(table.targets[table.rows_of("validation")], probabilities))
        print(f"| {short} | {cells[0]} | {cells[1]} |", flush=True)


def window_table(encoder: Encoder, store: WaveformStore, table: LabelTable) -> None:
    """Prints how well windows of 1 s, half a second apart, do for clips and for pairs of clips."""
    window, hop = RATE, RATE // 2
    starts = [window_starts(int(samples), window, hop) for samples in store.samples]
    owner = np.repeat(np.arange(len(store)), [len(of_clip) for of_clip in starts])
    crops = [
        fix_length(store.crop(int(clip), int(start), window), window, "repeat")
        for clip, start in zip(owner, np.concatenate(starts), strict=True)
    ]
    windows = embed(encoder, crops)
    means = np.stack([windows[owner == clip].mean(0) for clip in range(len(store))])
    probe = probe_of(means, table)
    probabilities = np.clip(probe.predict_proba(windows), 1e-9, 1 - 1e-9)
    logits = np.log(probabilities) - np.log1p(-probabilities)
    held_out = table.rows_of("validation")
    alone = [(logits[owner == clip], table.targets[clip]) for clip in held_out]
    pairs = []
    generator = np.random.default_rng(SEED)
    speakers = np.array(table.speakers)
    for clip in held_out:
        other = generator.choice(held_out[(speakers[held_out] == speakers[clip]) & (held_out != clip)])
        both = np.concatenate([logits[owner == clip], logits[owner == other]])
        pairs.append((both, np.maximum(table.targets[clip], table.targets[other])))
    print("\n| windows are pooled by | clips | two clips in one recording |\n| --- | --- | --- |", flush=True)
    for how in get_args(Pooling):
        cells = [
            scores(np.stack([target for _, target in kind]), pooled([found for found, _ in kind], how))
            for kind in (alone, pairs)
        ]
        print(f"| {how} | {cells[0]} | {cells[1]} |", flush=True)


def pooled(recordings: list[Array], how: Pooling) -> Array:
    """Returns (recordings, emotions) of the logits (windows, emotions) of each, pooled as `finetune` does."""
    positions = np.repeat(np.arange(len(recordings)), [len(windows) for windows in recordings])
    return pool_windows(np.concatenate(recordings), positions, how)


def embed(encoder: Encoder, crops: list[NDArray[np.float32]]) -> Array:
    """Returns embeddings (n, features)."""
    with torch.inference_mode():
        parts = [encoder(torch.from_numpy(np.stack(crops[i : i + 64]))) for i in range(0, len(crops), 64)]
    return torch.cat(parts).double().numpy()


def probe_of(features: Array, table: LabelTable) -> LinearProbe:
    """Returns a probe that was fitted to the training speakers."""
    rows = table.rows_of("train")
    return LinearProbe(single_label=False).fit(
        features[rows], table.targets[rows], speaker_folds(table.select(rows), 5, SEED)
    )


def scores(targets: Array, probabilities: Array) -> str:
    """Returns macro AUROC and mAP as a cell."""
    positive = targets >= POSITIVE_SHARE
    auroc = roc_auc_score(positive, probabilities, average="macro")
    return f"{auroc:.3f}, {average_precision_score(positive, probabilities, average='macro'):.3f}"


if __name__ == "__main__":
    main()
