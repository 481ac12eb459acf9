"""Calibration of a member: temperatures and thresholds, tuned on validation speakers."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from emoclr.evaluate.metrics.arrays import Array
from emoclr.evaluate.metrics.thresholds import tune_thresholds
from emoclr.finetune.data.labeled_clips import Task
from emoclr.finetune.model.emotion_model import EmotionHead
from emoclr.finetune.model.temperatures import calibrate, tune_temperatures


@dataclass(frozen=True)
class CalibratedPredictions:
    """The probabilities of a member after temperature scaling.

    Attributes:
        temperatures: (emotions,).
        thresholds: (emotions,).
        validation: (clips, emotions) probabilities of the validation clips.
        test: the same of the test clips.
        uncalibrated: the same of the test clips before temperatures.
    """

    temperatures: Array
    thresholds: Array
    validation: Array
    test: Array
    uncalibrated: Array


def calibrated_predictions(task: Task, logits: Array, positive_share: float) -> CalibratedPredictions:
    """Returns the calibrated probabilities of a fold.

    Args:
        task: of the fold; its validation clips set temperatures and thresholds.
        logits: (clips of the store, emotions).
        positive_share: the share from which an emotion is there.
    """
    targets = task.targets[task.validation]
    temperatures = tune_temperatures(targets, logits[task.validation])
    validation, test = (calibrate(logits[rows], temperatures) for rows in (task.validation, task.test))
    return CalibratedPredictions(
        temperatures=temperatures,
        thresholds=tune_thresholds(targets, validation, positive_share),
        validation=validation,
        test=test,
        uncalibrated=calibrate(logits[task.test], np.ones_like(temperatures)),
    )


@contextmanager
def without_shift(head: EmotionHead, shift: Tensor) -> Iterator[None]:
    """Takes the shift (emotions,) that class weights put into logits out of a head's bias, as long as it is open."""
    with torch.no_grad():
        head.linear.bias.sub_(shift)
    try:
        yield
    finally:
        with torch.no_grad():
            head.linear.bias.add_(shift)
