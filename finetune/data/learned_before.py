"""What finished models have learned from: none of it may be scored, nor calibrate them."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from emoclr.configs.messages import count_of, some
from emoclr.corpus.audit.clip_fingerprints import clip_fingerprints
from emoclr.corpus.labels.division import train_validation_test
from emoclr.corpus.labels.splits import speaker_codes, unit_of
from emoclr.corpus.labels.tables.text_table import LabelsError
from emoclr.evaluate.report.sentence import Caution
from emoclr.finetune.data.labeled_clips import LabeledClips
from emoclr.finetune.model.folders import TRAINED, VALIDATED
from emoclr.pretrain.resume.heard_clips import read_fingerprints


def learned_before(models: Mapping[str, Path], labeled: LabeledClips) -> list[str]:
    """Returns what is to be said of which clips finished models learned from.

    Args:
        models: their folders, by name.
        labeled: the clips that calibrate and score them.

    Raises:
        LabelsError: one learned from voices that are scored or that calibrate it, or was chosen on voices that are
            scored.
    """
    kept = {name: [read_fingerprints(folder, part) for part in (TRAINED, VALIDATED)] for name, folder in models.items()}
    own = clip_fingerprints(labeled.store, labeled.rows.tolist())
    codes = speaker_codes(labeled.table)
    _, validation, test = train_validation_test(labeled.table, labeled.division, 0)
    parts = {"validation": validation, "test": test}
    unknown = []
    for name, (trained, validated) in kept.items():
        refused = [("was trained on", trained, ("test", "validation")), ("was chosen on", validated, ("test",))]
        for how, fingerprints, sides in refused:
            if fingerprints is None:
                continue
            heard = np.isin(own[:, 0], fingerprints) | np.isin(own[:, 1], fingerprints)
            for side in sides:
                _refuse(f"{name} {how}", heard, codes, parts[side], side, labeled)
        if trained is None:
            unknown.append(name)
    if not unknown:
        return []
    return [
        Caution(
            f"Which clips {some(unknown, len(unknown))} learned from is not known (no {TRAINED}: of an earlier "
            "version). If voices that are scored here were among them, these numbers are too high.",
            step="Train it again, or score it on voices that it cannot have learned from: `--test` with a table of "
            "theirs.",
        )
    ]


def _refuse(
    what: str,
    heard: NDArray[np.bool_],
    codes: NDArray[np.int64],
    rows: NDArray[np.int64],
    side: str,
    labeled: LabeledClips,
) -> None:
    """Raises LabelsError where a voice of some rows of the table is among those that a model has learned from."""
    voices = np.intersect1d(codes[heard], codes[rows])
    if not len(voices):
        return
    table = labeled.table
    row = int(np.flatnonzero(heard & np.isin(codes, voices))[0])
    count, unit = int((heard & np.isin(codes, voices)).sum()), unit_of(table)
    raise LabelsError(
        table.source,
        f"{what} {count_of(count, 'clip')} of {count_of(len(voices), unit)} in {side}, such as "
        f"{table.paths[row].name}: a leak; put these {unit}s into train, or take models that learned from others",
    )
