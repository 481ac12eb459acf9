"""The same audio twice: on both sides of a split, or with other labels."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from emoclr.configs.messages import count_of
from emoclr.corpus.audit.findings import Finding, Weight, emotions_of
from emoclr.corpus.audit.fingerprints import copies
from emoclr.corpus.audit.recordings import Recording
from emoclr.corpus.labels.clip_names import clip_name
from emoclr.corpus.labels.label_table import LabelTable


@dataclass(frozen=True)
class SameAudio:
    """Rows with the same audio; `bits_off` is how much two fingerprints differ at most, None for equal samples."""

    rows: tuple[int, ...]
    bits_off: float | None = None


def duplicate_findings(
    table: LabelTable, recordings: Sequence[Recording | str], positive_share: float
) -> list[Finding]:
    """Returns what there is to say of clips with the same audio; silent clips, which are all alike, are left out."""
    exact = identical_audio(recordings)
    similar = similar_audio(recordings, exact)
    return [
        *_findings(table, exact, "identical audio", positive_share),
        *_findings(table, similar, "a copy", positive_share),
    ]


def identical_audio(recordings: Sequence[Recording | str]) -> list[SameAudio]:
    """Returns the clips whose samples are the same, whatever lossless form their files have."""
    rows_of: dict[str, list[int]] = {}
    for row, recording in enumerate(recordings):
        if isinstance(recording, Recording) and not recording.silent:
            rows_of.setdefault(recording.digest, []).append(row)
    return [SameAudio(tuple(rows)) for rows in rows_of.values() if len(rows) > 1]


def similar_audio(recordings: Sequence[Recording | str], exact: Sequence[SameAudio]) -> list[SameAudio]:
    """Returns the clips with one fingerprint; of clips with equal samples the first takes part."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    repeated = {row for same in exact for row in same.rows[1:]}
    heard = [
        (row, recording.words)
        for row, recording in enumerate(recordings)
        if isinstance(recording, Recording) and not recording.silent and row not in repeated
    ]
    pairs = copies([words for _, words in heard])
    if not pairs:
        return []
    firsts, seconds, offs = (np.array(column) for column in zip(*pairs, strict=True))
    alike = coo_array((np.ones(len(pairs)), (firsts, seconds)), shape=(len(heard), len(heard)))
    codes = connected_components(alike, directed=False)[1]
    rows_of: dict[int, list[int]] = {}
    for (row, _), code in zip(heard, codes.tolist(), strict=True):
        rows_of.setdefault(code, []).append(row)
    most_off = {code: float(offs[codes[firsts] == code].max()) for code in np.unique(codes[firsts]).tolist()}
    return [SameAudio(tuple(rows_of[code]), off) for code, off in most_off.items()]


def _findings(table: LabelTable, found: Sequence[SameAudio], what: str, positive_share: float) -> list[Finding]:
    if table.splits is not None:
        sides, between = table.splits, "splits"
    elif table.speakers is not None:
        sides, between = table.speakers, "speakers"
    else:
        sides, between = [str(path) for path in table.paths], "recordings"
    leaks = [same for same in found if len({sides[row] for row in same.rows}) > 1]
    conflicts = [same for same in found if _labels_differ(table, same, positive_share)]
    repeats = [same for same in found if same not in leaks and same not in conflicts]
    equal = [same for same in repeats if not _most_apart(table, same)[1]]
    apart = [same for same in repeats if same not in equal]
    why = (
        "" if table.splits is not None else f" Folds are made by {between[:-1]}, so both sides of a fold would hold it."
    )
    agree = (
        f"Their labels agree on which emotions are there (from a share of {positive_share:g} on), their shares differ."
    )
    said = [
        (leaks, f"{what} across {between}", Weight.LEAK, f"in several {between}.{why}"),
        (conflicts, f"{what} with different labels", Weight.WARNING, "whose labels disagree."),
        (apart, f"{what} with other shares", Weight.NOTE, f"that count more than once. {agree}"),
        (equal, f"{what} with the same labels", Weight.NOTE, "that count more than once."),
    ]
    return [
        Finding(
            check,
            weight,
            f"{count_of(len(cases), 'recording')} {words}",
            [_told(table, same, with_difference=cases is apart) for same in cases],
        )
        for cases, check, weight, words in said
        if cases
    ]


def _labels_differ(table: LabelTable, same: SameAudio, positive_share: float) -> bool:
    return len(np.unique(table.targets[list(same.rows)] >= positive_share, axis=0)) > 1


def _most_apart(table: LabelTable, same: SameAudio) -> tuple[str, float]:
    """Returns the emotion whose shares differ most between clips with the same audio, and by how much."""
    differences = np.ptp(table.targets[list(same.rows)], axis=0)
    emotion = int(differences.argmax())
    return table.emotions[emotion], float(differences[emotion])


def _told(table: LabelTable, same: SameAudio, with_difference: bool = False) -> str:
    clips = []
    for row in same.rows:
        known = [emotions_of(table, row)]
        known += [table.speakers[row]] if table.speakers is not None else []
        known += [table.splits[row]] if table.splits is not None else []
        clips.append(f"{clip_name(table, row)} ({'; '.join(known)})")
    certainty = "" if same.bits_off is None else f" ({same.bits_off:.0%} of fingerprint bits differ)"
    difference = "; {} differs by {:.2f}".format(*_most_apart(table, same)) if with_difference else ""
    return " = ".join(clips) + certainty + difference
