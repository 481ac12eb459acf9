"""What `ablations.py` asks of an encoder, and the columns of its tables."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from emoclr.augment.robustness import CONDITIONS, DegradedWaveforms
from emoclr.corpus.decoded.waveforms import WaveformStore
from emoclr.corpus.labels.division import speaker_task
from emoclr.corpus.labels.label_table import LabelTable
from emoclr.corpus.labels.splits import speaker_folds
from emoclr.evaluate.linear_probe import LinearProbe
from emoclr.evaluate.metrics.arrays import Array, Weighted
from emoclr.evaluate.metrics.intervals import Measure, measure
from emoclr.evaluate.metrics.registry import weighted_metrics
from emoclr.evaluate.speaker_probe import voice_hits
from emoclr.pretrain.encoder.devices import choose_device
from emoclr.pretrain.encoder.embedding import embed_clips
from emoclr.pretrain.encoder.encoder import Encoder
from emoclr.pretrain.settings import PretrainSettings

SEED = 0
"""Of the folds, the speaker probe, the conditions and the bootstrap: the same for every run."""
N_RESAMPLES = 1000
Arrays = dict[str, Array]


@dataclass(frozen=True)
class Task:
    """What is asked of an encoder: votes, intended emotions where they are known, voices, and in which conditions."""

    votes: LabelTable
    intended: LabelTable | None
    store: WaveformStore
    conditions: Sequence[str]

    @property
    def tables(self) -> dict[str, LabelTable]:
        """The labels that probes are fitted to."""
        return {"votes": self.votes} | ({"intended": self.intended} if self.intended else {})


def answers(encoder: Encoder, settings: PretrainSettings, task: Task) -> Arrays:
    """Returns what probes of an encoder answer on validation speakers: probabilities, thresholds, voices named.

    Probes hear clips as they were recorded, and are asked about votes under each condition, too.
    """
    embed = {"window_s": settings.crop_s, "hop_s": settings.crop_s / 2, "device": choose_device(settings.accelerator)}
    features = embed_clips(encoder, task.store, **embed).astype(np.float64)
    found: Arrays = {}
    fitted, held_out = task.votes.rows_of("train"), task.votes.rows_of("validation")
    folds = speaker_folds(task.votes.select(fitted), 5, SEED)
    for kind, table in task.tables.items():
        probe = LinearProbe(table.single_label).fit(features[fitted], table.targets[fitted], folds)
        asked = {"": features[held_out]}
        if kind == "votes":
            for condition in (one for one in CONDITIONS if one.name in task.conditions):
                degraded = DegradedWaveforms(task.store, held_out, condition, SEED)
                asked[f" {condition.label}"] = embed_clips(encoder, degraded, **embed)
        found |= {f"{kind}{suffix}": probe.predict_proba(rows) for suffix, rows in asked.items()}
        found[f"{kind} thresholds"] = probe.thresholds_
    if voices := speaker_task(task.votes, SEED):
        found["speaker"] = voice_hits(features, voices, SEED)
    return found


def metrics_of(task: Task, seeds: Sequence[Arrays], less: Sequence[Arrays] = ()) -> dict[str, Measure]:
    """Returns the columns of a row: means over seeds with intervals over validation speakers, `less` those of others.

    Without seeds, only the names count.
    """
    shown = {"macro AUROC": ("votes", "", "macro_auroc"), "mAP": ("votes", "", "map")}
    if task.intended:
        shown["intended UAR"] = ("intended", "", "uar")
    labels = [condition.label for condition in CONDITIONS if condition.name in task.conditions]
    shown |= {f"macro AUROC, {label}": ("votes", f" {label}", "macro_auroc") for label in labels}
    held_out = task.votes.rows_of("validation")
    speakers = [str(task.votes.speakers[row]) for row in held_out] if task.votes.speakers else list(map(str, held_out))
    columns = {}
    for name, (kind, suffix, metric) in shown.items():
        table = task.tables[kind]

        def of_one(arrays: Arrays, kind: str = kind, suffix: str = suffix, table: LabelTable = table) -> Weighted:
            probabilities, thresholds = arrays[kind + suffix], arrays[f"{kind} thresholds"]
            return weighted_metrics(table.targets[held_out], probabilities, thresholds, table.single_label)

        columns[name] = mean_measure(of_one, metric, seeds, less, speakers)
    if voices := speaker_task(task.votes, SEED):
        asked = [str(voice) for voice in voices.voices[voices.test_rows]]

        def named(arrays: Arrays) -> Weighted:
            return lambda weights: {"speaker": weights @ arrays["speaker"] / weights.sum(1)}

        columns["speaker probe"] = mean_measure(named, "speaker", seeds, less, asked)
    return columns


def mean_measure(
    of_one: Callable[[Arrays], Weighted],
    metric: str,
    seeds: Sequence[Arrays],
    less: Sequence[Arrays],
    speakers: Sequence[str],
) -> Measure:
    """Returns the mean of a metric over seeds, less that over others, both on the same resamples of speakers."""
    if not seeds:
        return Measure(float("nan"))
    ours, theirs = [of_one(arrays) for arrays in seeds], [of_one(arrays) for arrays in less]

    def mean(weights: Array) -> dict[str, Array]:
        value = np.mean([weighted(weights)[metric] for weighted in ours], axis=0)
        return {
            metric: value - np.mean([weighted(weights)[metric] for weighted in theirs], axis=0) if theirs else value
        }

    return measure(mean, speakers, N_RESAMPLES, SEED, difference=bool(less))[metric]
