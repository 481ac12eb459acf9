"""Accuracy on CREMA-D as EVAR measures it (https://github.com/nttcslab/eval-audio-repr), without its code.

    python benchmarks/evar_crema_d.py CREMA-D/AudioWAV --from emoclr-small/resnet10t [--folder FOLDER]

Intended emotions, 63 actors to train on, 9 to stop by, 19 to score. A clip is 2.5 s: cut at random, of scored ones the
beginning, or filled with silence. One linear layer on standardised embeddings, Adam, at most 200 epochs, until 20 of
them are no better on the 9 actors; three seeds, and beside it the ridge regression of `probe`. Several encoders are
scored alone and joined. `--folder` keeps their embeddings, and takes those that are there.
"""

import argparse
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.model_selection import GroupKFold
from sklearn.preprocessing import StandardScaler
from torch import Tensor, nn

from emoclr import LinearProbe, hear
from emoclr.corpus.audio.decoder import SAMPLE_RATE, read_waveform

VALIDATION = [1000 + number for number in (9, 11, 22, 34, 39, 47, 66, 70, 82)]
TEST = [1000 + number for number in (1, 4, 17, 19, 20, 25, 26, 29, 33, 35, 42, 44, 50, 53, 56, 58, 60, 69, 83)]
LEFT_OUT = {"1006_TIE_NEU_XX", "1013_WSI_DIS_XX", "1017_IWW_FEA_XX", "1040_ITH_SAD_XX"}
"""As TensorFlow Datasets does, whose list of files EVAR takes."""
EMOTIONS = ["ANG", "DIS", "FEA", "HAP", "NEU", "SAD"]
CLIP_S = 2.5
SEEDS = (42, 43, 44)
LEARNING_RATE, BATCH, MAX_EPOCHS, PATIENCE = 3e-4, 200, 200, 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recordings", type=Path, help="folder of CREMA-D's recordings")
    parser.add_argument("--from", dest="sources", nargs="+", default=["emoclr-small/resnet10t"], help="encoders")
    parser.add_argument("--folder", type=Path, help="of the embeddings")
    parser.add_argument("--actors", nargs="+", type=int, default=TEST, help="score these of the 19 alone")
    arguments = parser.parse_args()
    paths = [path for path in sorted(arguments.recordings.iterdir()) if path.stem not in LEFT_OUT]
    actors = np.array([int(path.stem[:4]) for path in paths])
    targets = np.array([EMOTIONS.index(path.stem[9:12]) for path in paths])
    parts = np.where(np.isin(actors, TEST), "test", np.where(np.isin(actors, VALIDATION), "validation", "train"))
    print(", ".join(f"{np.sum(parts == part)} clips to {part}" for part in ("train", "validation", "test")))
    asked = np.isin(actors[parts == "test"], arguments.actors)
    print(f"scored: {asked.sum()} clips of {len(set(arguments.actors) & set(TEST))} actors")
    clips = cache(lambda: clips_of(paths, parts))
    found = [embeddings_of(source, clips, arguments.folder) for source in arguments.sources]
    joined = [("joined", np.concatenate(found, axis=1))] if len(found) > 1 else []
    for name, features in [*zip(arguments.sources, found, strict=True), *joined]:
        scores = [np.mean(evar_hits(features, targets, parts, seed)[asked]) for seed in SEEDS]
        ours = np.mean(ridge_hits(features, targets, actors, parts)[asked])
        accuracy = f"{np.mean(scores):.3f} ± {np.std(scores, ddof=1):.3f}"
        print(f"{name}: {features.shape[1]} features, {accuracy}; ridge regression {ours:.3f}", flush=True)


def clips_of(paths: list[Path], parts: NDArray[np.str_]) -> Tensor:
    """Returns what EVAR hears of each recording, float32 (recordings, samples)."""
    rng = np.random.default_rng(SEEDS[0])
    samples = round(CLIP_S * SAMPLE_RATE)
    clips = torch.zeros(len(paths), samples)
    for row, (path, part) in enumerate(zip(paths, parts, strict=True)):
        waveform = torch.from_numpy(read_waveform(path))
        begin = rng.integers(0, len(waveform) - samples) if len(waveform) > samples and part != "test" else 0
        clip = waveform[begin : begin + samples]
        clips[row, : len(clip)] = clip
    return clips


def embeddings_of(source: str, clips: Callable[[], Tensor], folder: Path | None) -> NDArray[np.float32]:
    """Returns the embedding of each clip, (clips, features)."""
    kept = folder / f"{source.replace('/', '_')}.npy" if folder else None
    if kept and kept.exists():
        known: NDArray[np.float32] = np.load(kept)
        return known
    model = hear.load_model(source)
    features = np.concatenate([hear.get_scene_embeddings(batch, model).numpy() for batch in clips().split(64)])
    if kept:
        np.save(kept, features)
    return features


def evar_hits(
    features: NDArray[np.float32], targets: NDArray[np.int_], parts: NDArray[np.str_], seed: int
) -> NDArray[np.bool_]:
    """Returns whether a linear layer names the emotion of each test clip."""
    torch.manual_seed(seed)
    scaler = StandardScaler().fit(features[parts == "train"])
    inputs = {part: torch.from_numpy(scaler.transform(features[parts == part])).float() for part in np.unique(parts)}
    wanted = {part: torch.from_numpy(targets[parts == part]) for part in np.unique(parts)}
    layer = nn.Linear(features.shape[1], len(EMOTIONS))
    optimizer = torch.optim.Adam(layer.parameters(), lr=LEARNING_RATE, weight_decay=1e-8)
    best, best_weights, worse = -1.0, layer.state_dict(), 0
    for _ in range(MAX_EPOCHS):
        for rows in torch.randperm(len(inputs["train"])).split(BATCH):
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(layer(inputs["train"][rows]), wanted["train"][rows])
            (loss / len(EMOTIONS)).backward()  # its loss is the mean over clips and classes
            optimizer.step()
        accuracy = np.mean(hits_of(layer, inputs["validation"], wanted["validation"]))
        if accuracy >= best:
            best, worse = accuracy, 0
            best_weights = {name: weights.clone() for name, weights in layer.state_dict().items()}
        else:
            worse += 1
        if worse == PATIENCE:
            break
    layer.load_state_dict(best_weights)
    return hits_of(layer, inputs["test"], wanted["test"])


def hits_of(layer: nn.Linear, inputs: Tensor, wanted: Tensor) -> NDArray[np.bool_]:
    with torch.inference_mode():
        found: NDArray[np.bool_] = (layer(inputs).argmax(dim=1) == wanted).numpy()
    return found


def ridge_hits(
    features: NDArray[np.float32], targets: NDArray[np.int_], actors: NDArray[np.int_], parts: NDArray[np.str_]
) -> NDArray[np.bool_]:
    """Returns the same of the project's linear probe, which takes training and validation actors to learn from."""
    known, scored = parts != "test", parts == "test"
    folds = list(GroupKFold(3).split(features[known], groups=actors[known]))
    probe = LinearProbe(single_label=True).fit(features[known], np.eye(len(EMOTIONS))[targets[known]], folds)
    named = probe.predict_proba(features[scored]).argmax(axis=1)
    hits: NDArray[np.bool_] = named == targets[scored]
    return hits


if __name__ == "__main__":
    main()
