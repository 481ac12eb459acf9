"""How well segments find who carries which emotion when, and which settings of `Segmenter` are best.

    python benchmarks/timeline/segments.py ENSEMBLE LABELS.csv [--hop 0.5]

Clips of one speaker are joined: episodes of one to four clips in which the same emotion is strongest, with pauses of
0.3 s, and 1 to 4 s of a quiet room between episodes. An emotion lasts where its share of the votes is at least 0.25,
from the first loud moment of a clip to the last. Settings are chosen on the validation speakers of the CSV, and the
chosen ones scored on its test speakers. A segment is right where it shares more than half of its union with one of the
truth; F1 is the mean over emotions. The boundary error is the median over both ends of right segments.
"""

import argparse
import itertools
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

import emoclr.predict.stream.segments
from emoclr.corpus.audio.decoder import SAMPLE_RATE, read_waveform
from emoclr.corpus.decoded.decode_stream import array_streams
from emoclr.corpus.labels.label_table import LabelTable
from emoclr.corpus.labels.labels_csv import read_labels
from emoclr.evaluate.positive_share import POSITIVE_SHARE
from emoclr.finetune.model.checkpoint import EnsembleCard, load_ensemble, with_windows
from emoclr.finetune.model.emotion_model import Ensemble
from emoclr.predict.stream.batches import Place, predict_batches
from emoclr.predict.stream.rows import Over
from emoclr.predict.stream.segments import Interval, Segmenter

STAYS = (1.0, 0.8, 0.7, 0.6, 0.5, 0.4)
GAPS_S = (0.5, 1.0, 1.5)
SHORTEST_S = (0.5, 1.0, 1.5)
ROOM = 10 ** (-65 / 20)
LOUD_DB = 30.0
"""Below the loudest moment of a clip."""

Waveform = NDArray[np.float32]
Found = list[list[Interval]]
"""By emotion."""


class Joined(NamedTuple):
    """A recording of joined clips, and when each emotion is heard in it."""

    waveform: Waveform
    truth: Found


class Heard(NamedTuple):
    """A window: its start, end, voiced parts, and probabilities."""

    start_s: float
    end_s: float
    voiced: list[Interval]
    probabilities: list[float]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("ensemble", type=Path)
    parser.add_argument("labels", type=Path)
    parser.add_argument("--hop", type=float)
    parser.add_argument("--clips", type=int, default=24, help="of each speaker")
    parser.add_argument("--no-gate", action="store_true")
    arguments = parser.parse_args()
    ensemble, card = load_ensemble(arguments.ensemble)
    card = with_windows(card, None, arguments.hop)
    table = read_labels(arguments.labels)
    sides = {}
    for side in ("validation", "test"):
        joined = join(table.select(table.rows_of(side)), arguments.clips)
        sides[side] = joined, hear(ensemble, card, joined, gate=not arguments.no_gate)
    joined, heard = sides["validation"]
    scored = {}
    for setting in itertools.product(STAYS, GAPS_S, SHORTEST_S):
        scored[setting] = score([one.truth for one in joined], [segments(windows, card, *setting) for windows in heard])
    best = max(scored, key=lambda setting: scored[setting][0])
    shipped = (
        emoclr.predict.stream.segments.STAY,
        emoclr.predict.stream.segments.MAX_GAP_S,
        emoclr.predict.stream.segments.MIN_SEGMENT_S,
    )
    print("| stay | gap, s | shortest, s | validation: F1 | time: F1 | error, s | test: F1 | time: F1 | error, s |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    ranked = sorted(scored, key=lambda setting: -scored[setting][0])
    for setting in dict.fromkeys([best, shipped, *ranked[1:4], ranked[-1], (1.0, 0.5, 0.5)]):
        joined, heard = sides["test"]
        test = score([one.truth for one in joined], [segments(windows, card, *setting) for windows in heard])
        cells = [f"{value:.3f}" for value in (*scored[setting], *test)]
        print("|", " | ".join([*map(str, setting), *cells]), "|", flush=True)
    minutes = sum(len(one.waveform) for one in sides["test"][0]) / SAMPLE_RATE / 60
    windows = f"windows of {card.window_s} s every {card.hop_s} s"
    print(f"\n{len(sides['test'][0])} test recordings of {minutes:.0f} minutes, {windows}")


def join(table: LabelTable, clips: int) -> list[Joined]:
    """Returns a recording of each speaker."""
    assert table.speakers is not None
    found = []
    for number, speaker in enumerate(sorted(set(table.speakers))):
        rng = np.random.default_rng(number)
        rows = rng.permutation([row for row, name in enumerate(table.speakers) if name == speaker]).tolist()
        strongest = table.targets.argmax(1)
        parts: list[Waveform] = []
        truth: Found = [[] for _ in table.emotions]
        left = clips
        while left > 0 and rows:
            first = rows[0]
            episode = [row for row in rows if strongest[row] == strongest[first]][: min(left, rng.integers(1, 5))]
            rows = [row for row in rows if row not in episode]
            left -= len(episode)
            parts.append(room(rng.uniform(1, 4), rng))
            until: dict[int, float] = {}
            for row in episode:
                waveform = read_waveform(table.paths[row])
                begin = sum(map(len, parts))
                first_s, last_s = ((begin + edge) / SAMPLE_RATE for edge in loud(waveform))
                for emotion in np.flatnonzero(table.targets[row] >= POSITIVE_SHARE).tolist():
                    start_s = first_s
                    if emotion in until and first_s - until[emotion] < 1.5:
                        start_s = truth[emotion].pop()[0]
                    truth[emotion].append((start_s, last_s))
                    until[emotion] = last_s
                parts += [waveform, room(0.3, rng)]
        found.append(Joined(np.concatenate(parts), truth))
    return found


def room(duration_s: float, rng: np.random.Generator) -> Waveform:
    return (ROOM * rng.standard_normal(round(duration_s * SAMPLE_RATE))).astype(np.float32)


def loud(waveform: Waveform) -> tuple[int, int]:
    """Returns the first and the last sample of what is loud."""
    frame = 320
    frames = np.pad(waveform, (0, -len(waveform) % frame)).reshape(-1, frame)
    level_db = 10 * np.log10(np.square(frames, dtype=np.float64).mean(1) + 1e-12)
    over = np.flatnonzero(level_db > level_db.max() - LOUD_DB)
    return int(over[0]) * frame, min(len(waveform), (int(over[-1]) + 1) * frame)


def hear(ensemble: Ensemble, card: EnsembleCard, joined: list[Joined], *, gate: bool) -> list[list[Heard]]:
    found: list[list[Heard]] = [[]]
    pieces = array_streams([one.waveform for one in joined])
    for batch in predict_batches(ensemble, card, pieces, gate=gate, device="cpu", begin=Place()):
        for item in batch.items:
            if isinstance(item, Over):
                found.append([])
                continue
            said = ensemble.probabilities(item.logits[None])[0].tolist() if len(item.logits) else []
            found[-1].append(Heard(item.start_s, item.end_s, list(item.voiced), said))
    return found[:-1]


def segments(windows: list[Heard], card: EnsembleCard, stay: float, gap_s: float, shortest_s: float) -> Found:
    module = emoclr.predict.stream.segments
    before = module.STAY, module.MAX_GAP_S, module.MIN_SEGMENT_S
    module.STAY, module.MAX_GAP_S, module.MIN_SEGMENT_S = stay, gap_s, shortest_s
    segmenter = Segmenter(card.thresholds, single_label=card.single_label)
    spans = [span for window in windows for span in segmenter.push(*window)] + segmenter.finish()
    module.STAY, module.MAX_GAP_S, module.MIN_SEGMENT_S = before
    return [[(span.start_s, span.end_s) for span in spans if span.emotion == e] for e in range(len(card.emotions))]


def score(truths: list[Found], founds: list[Found]) -> tuple[float, float, float]:
    """Returns F1 of segments and of time, each the mean over emotions, and the median boundary error, s."""
    of_segments, of_time, errors = [], [], []
    for emotion in range(len(truths[0])):
        right = there = claimed = 0
        both_s = truth_s = found_s = 0.0
        for truth, found in ((a[emotion], b[emotion]) for a, b in zip(truths, founds, strict=True)):
            there, claimed = there + len(truth), claimed + len(found)
            truth_s += sum(end - start for start, end in truth)
            found_s += sum(end - start for start, end in found)
            for (a, b), (c, d) in itertools.product(truth, found):
                shared = max(0.0, min(b, d) - max(a, c))
                both_s += shared
                if shared > 0.5 * (max(b, d) - min(a, c)):
                    right += 1
                    errors += [abs(a - c), abs(b - d)]
        of_segments.append(2 * right / max(1, there + claimed))
        of_time.append(2 * both_s / max(1e-9, truth_s + found_s))
    return float(np.mean(of_segments)), float(np.mean(of_time)), float(np.median(errors or [np.nan]))


if __name__ == "__main__":
    main()
