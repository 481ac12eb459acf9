"""What pauses do to the embedding of a recording: the mean over all windows, and over those in which somebody speaks.

    python benchmarks/timeline/embeddings.py LABELS.csv --from ENCODER

Clips of unseen speakers lie in pauses of noise at -60 dBFS, whose lengths are drawn from an exponential distribution.
A ridge classifier on the embeddings of training clips, with the same pauses or none, names their emotion.
"""

import argparse

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import RidgeClassifierCV
from sklearn.metrics import recall_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import emoclr
from emoclr.corpus.audio.decoder import SAMPLE_RATE, read_waveform

PAUSES_S = (0.0, 4.0)
"""Both pauses of a clip together, in the mean."""

Waveform = NDArray[np.float32]


def with_pauses(clips: list[Waveform], mean_s: float, rng: np.random.Generator) -> list[Waveform]:
    """Returns clips with a pause before and one behind."""

    def pause() -> Waveform:
        samples = round(rng.exponential(mean_s / 2) * SAMPLE_RATE)
        return (1e-3 * rng.standard_normal(samples)).astype(np.float32)

    return [np.concatenate([pause(), clip, pause()]) for clip in clips]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("labels")
    parser.add_argument("--from", dest="encoder", default="emoclr-small/resnet10t")
    parser.add_argument("--train", type=int, default=500, help="clips of the split train")
    parser.add_argument("--test", type=int, default=300, help="clips of the split test")
    asked = parser.parse_args()
    rng = np.random.default_rng(0)
    labels, encoder = emoclr.read_labels(asked.labels), emoclr.load_encoder(asked.encoder)
    clips, emotions = {}, {}
    for split, count in (("train", asked.train), ("test", asked.test)):
        part = labels.select(rng.permutation(labels.rows_of(split))[:count])
        clips[split], emotions[split] = [*map(read_waveform, part.paths)], part.targets.argmax(axis=1)
    features = {}
    for pauses_s in PAUSES_S:
        for split in ("train", "test"):
            padded = with_pauses(clips[split], pauses_s, rng) if pauses_s else clips[split]
            for gate in ("none", "voice"):
                features[split, pauses_s, gate] = emoclr.embed(encoder, padded, SAMPLE_RATE, gate=gate)
        for trained_s in sorted({0.0, pauses_s}):
            for gate in ("none", "voice"):
                ridge = make_pipeline(StandardScaler(), RidgeClassifierCV(np.logspace(0, 5, 11)))
                ridge.fit(features["train", trained_s, gate], emotions["train"])
                found = recall_score(emotions["test"], ridge.predict(features["test", pauses_s, gate]), average="macro")
                where = f"pauses of {trained_s:g} s in training, {pauses_s:g} s in the test"
                print(f"{where}, gate {gate}: UAR {found:.3f}", flush=True)


if __name__ == "__main__":
    main()
