"""What a report says of the voices that its encoders have heard in pretraining."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from emoclr.configs.messages import count_of, some
from emoclr.corpus.labels.division import Division
from emoclr.corpus.labels.label_table import LabelTable
from emoclr.corpus.labels.splits import speaker_codes, unit_of
from emoclr.evaluate.report.sentence import Caution
from emoclr.pretrain.resume.heard_recordings import heard_recordings

_NOT_KNOWN = (
    "Pretraining learns without labels. Whether the scored clips were among those that {names} learned from is not "
    "known here: no run.yaml lies above the encoder, or the data that it names is not on this machine."
)


def pretraining_notes(folders: Mapping[str, Sequence[Path]], table: LabelTable, division: Division) -> list[str]:
    """Returns whether the voices that are scored were heard in pretraining, in a sentence for encoders that are alike.

    Args:
        folders: by the encoder's name its folder, or its folder for each fold.
        table: labels of the clips.
        division: which of them each fold scores.
    """
    sentences: dict[str, list[str]] = {}
    for name, of_folds in folders.items():
        sentences.setdefault(_sentence(of_folds, table, division), []).append(name)
    return [type(told)(told.replace("{names}", some(names, len(names)))) for told, names in sentences.items()]


def _sentence(folders: Sequence[Path], table: LabelTable, division: Division) -> str:
    masks = {folder: heard_recordings(folder, table.paths) for folder in dict.fromkeys(folders)}
    codes, unit = speaker_codes(table), unit_of(table)
    counts = []
    for fold, (_, test) in enumerate(division.folds):
        mask = masks[folders[fold % len(folders)]]
        if mask is None:
            return _NOT_KNOWN
        counts.append((len(np.intersect1d(codes[mask], codes[test])), len(np.unique(codes[test]))))
    heard, scored = map(sum, zip(*counts, strict=True))
    if not heard:
        own = ", each fold by an encoder of its own" if len(folders) > 1 else ""
        return (
            f"Pretraining learns without labels. The run of {{names}} names no recording of the "
            f"{count_of(scored, unit)} scored{own}: none was heard, unless as a copy in another folder."
        )
    names = division.names or [str(fold + 1) for fold in range(len(counts))]
    each = [f"{known} of {of} in fold {name}" for name, (known, of) in zip(names, counts, strict=True)]
    folds = f" ({some(each, len(each))})" if len(folders) > 1 else ""
    return Caution(
        f"Pretraining learns without labels, but {{names}} heard {heard:,} of the {count_of(scored, unit)} scored in it"
        f"{folds}: of voices never heard the numbers may be lower."
    )
