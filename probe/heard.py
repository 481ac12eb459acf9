"""What a report says of the clips and the voices that its encoders have heard in pretraining."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from emoclr.configs.console import track
from emoclr.configs.messages import count_of, some
from emoclr.corpus.audit.clip_fingerprints import clip_fingerprints
from emoclr.corpus.decoded.waveforms import WaveformStore
from emoclr.corpus.labels.division import Division
from emoclr.corpus.labels.label_table import LabelTable
from emoclr.corpus.labels.splits import speaker_codes, unit_of
from emoclr.evaluate.report.sentence import Caution
from emoclr.pretrain.encoder.folders import FINGERPRINTS
from emoclr.pretrain.resume.heard_clips import Fingerprints, read_fingerprints

_NOT_KNOWN = (
    "Whether {names} heard scored clips in pretraining, without labels, is not known: "
    f"no {FINGERPRINTS} lies beside the weights (pretrained on tars, or by an earlier version)."
)


@dataclass(frozen=True)
class Overlap:
    """What of the scored clips was heard in pretraining, in one fold or in all.

    Attributes:
        clips_heard: how many clips.
        clips: how many there are.
        speakers_heard: speakers of whom any clip of the labels was heard; recordings where speakers are not known.
        speakers: how many there are.
    """

    clips_heard: int
    clips: int
    speakers_heard: int
    speakers: int


@dataclass(frozen=True)
class Heard:
    """What was heard by each encoder.

    Attributes:
        overlaps: by the encoder's name, of each fold; None where it is not known.
        notes: the same in sentences, one for encoders that are alike.
    """

    overlaps: Mapping[str, Sequence[Overlap] | None]
    notes: Sequence[str]

    def as_json(self) -> dict[str, dict[str, int] | None]:
        """Returns what `report.json` has of it."""
        return {name: None if folds is None else asdict(_total(folds)) for name, folds in self.overlaps.items()}


def heard_in_pretraining(
    folders: Mapping[str, Sequence[Path]],
    table: LabelTable,
    division: Division,
    store: WaveformStore,
    rows: NDArray[np.int64],
) -> Heard:
    """Returns what of the scored clips was heard in pretraining, by their fingerprints.

    Args:
        folders: by the encoder's name its folder, or its folder for each fold.
        table: labels of the clips.
        division: which of them each fold scores.
        store: the clips.
        rows: their positions in it.

    Raises:
        CheckpointError: the file of fingerprints is damaged.
    """
    kept = {folder: read_fingerprints(folder) for folder in set(itertools.chain(*folders.values()))}
    own: NDArray[np.uint64] = np.zeros((0, 2), dtype=np.uint64)
    if any(found is not None for found in kept.values()):
        own = clip_fingerprints(store, track(rows.tolist(), "fingerprints of clips"))
    overlaps: dict[str, list[Overlap] | None] = {}
    sentences: dict[str, list[str]] = {}
    for name, of_folds in folders.items():
        overlaps[name] = found = _overlaps([kept[folder] for folder in of_folds], own, table, division)
        sentence = _NOT_KNOWN if found is None else _sentence(found, division, unit_of(table), len(of_folds) > 1)
        sentences.setdefault(sentence, []).append(name)
    notes = []
    for sentence, names in sentences.items():
        told = sentence.replace("{names}", some(names, len(names)))
        notes.append(Caution(told, sentence.step) if isinstance(sentence, Caution) else told)
    return Heard(overlaps, notes)


def _overlaps(
    kept: Sequence[Fingerprints | None], own: NDArray[np.uint64], table: LabelTable, division: Division
) -> list[Overlap] | None:
    masks: list[NDArray[np.bool_] | None] = [
        None if found is None else np.isin(own[:, 0], found) | np.isin(own[:, 1], found) for found in kept
    ]
    codes, overlaps = speaker_codes(table), []
    for fold, (_, test) in enumerate(division.folds):
        mask = masks[fold % len(masks)]
        if mask is None:
            return None
        speakers = np.unique(codes[test])
        heard = len(np.intersect1d(codes[mask], speakers))
        overlaps.append(Overlap(int(mask[test].sum()), len(test), heard, len(speakers)))
    return overlaps


def _total(folds: Sequence[Overlap]) -> Overlap:
    return Overlap(
        clips_heard=sum(each.clips_heard for each in folds),
        clips=sum(each.clips for each in folds),
        speakers_heard=sum(each.speakers_heard for each in folds),
        speakers=sum(each.speakers for each in folds),
    )


def _sentence(overlaps: Sequence[Overlap], division: Division, unit: str, one_each: bool) -> str:
    total = _total(overlaps)
    scored = count_of(total.clips, "scored clip")
    if not total.speakers_heard:
        own = ", each fold by an encoder of its own" if one_each else ""
        return f"None of the {scored} was heard by {{names}} in pretraining{own}, nor other clips of their {unit}s."
    folds = ""
    if one_each:
        names = division.names or [str(fold + 1) for fold in range(len(overlaps))]
        each = zip(names, overlaps, strict=True)
        folds = f": {some([f'{of.speakers_heard} of {of.speakers} in fold {name}' for name, of in each], len(names))}"
    were = "was" if total.clips_heard == 1 else "were"
    return Caution(
        f"{total.clips_heard:,} of {scored} {were} heard by {{names}} in pretraining, without labels "
        f"({total.speakers_heard:,} of {count_of(total.speakers, unit)}{folds}): of voices never heard the numbers may "
        "be lower.",
        step="Score it on voices that pretraining never heard: `--test` with a table of theirs.",
    )
