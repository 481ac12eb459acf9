"""Calibration of the ensemble before and after temperature scaling."""

import numpy as np

from emoclr.evaluate.report.section import Section
from emoclr.evaluate.studies.calibration import calibration_section
from emoclr.finetune.model.combination import COMBINATIONS
from emoclr.finetune.studies.context import Context

TEMPERATURES = (
    "Members' logits are divided by a temperature for each emotion, chosen on validation clips; before and after are "
)


def calibration(context: Context) -> Section:
    """Returns the calibration of the combined probabilities before and after the members' temperatures."""
    before = np.concatenate([fold.uncalibrated for fold in context.ensemble])
    after = np.concatenate([fold.calibrated for fold in context.ensemble])
    text = f"{TEMPERATURES}{COMBINATIONS[context.settings.ensemble].calibration}."
    return calibration_section(context.truth, before, after, text)
