"""Clips that carry nothing, or not what was said: unreadable, silent, clipped, off centre."""

from collections.abc import Callable, Sequence

from emoclr.configs.messages import count_of
from emoclr.corpus.audio.samples import SILENT_PEAK_DB
from emoclr.corpus.audit.findings import Finding, Weight, emotions_of
from emoclr.corpus.audit.recordings import FULL_SCALE, MIN_DB, Recording
from emoclr.corpus.labels.clip_names import clip_name
from emoclr.corpus.labels.label_table import LabelTable

CLIPPED_PART = 0.001
"""A clip with a larger part of its samples at full scale is clipped."""

MAX_OFFSET = 0.01
"""A clip whose mean is farther from zero, full scale being 1, has an offset."""


def sound_findings(table: LabelTable, recordings: Sequence[Recording | str]) -> list[Finding]:
    """Returns what there is to say of single clips."""
    heard = [(row, recording) for row, recording in enumerate(recordings) if isinstance(recording, Recording)]

    def clips(chosen: Callable[[Recording], bool], told: Callable[[Recording], str]) -> list[str]:
        return [
            f"{clip_name(table, row)} ({emotions_of(table, row)}): {told(recording)}"
            for row, recording in heard
            if chosen(recording)
        ]

    unreadable = [
        f"{clip_name(table, row)}: {reason}" for row, reason in enumerate(recordings) if isinstance(reason, str)
    ]
    silent = clips(lambda clip: clip.silent, lambda clip: f"{clip.duration_s:.1f} s, {_peak(clip)}")
    clipped = clips(
        lambda clip: clip.clipped > CLIPPED_PART, lambda clip: f"{clip.clipped:.1%} of the samples at full scale"
    )
    offset = clips(lambda clip: abs(clip.offset) > MAX_OFFSET, lambda clip: f"mean {clip.offset:+.3f}")
    said = [
        ("unreadable", unreadable, "that cannot be read, set aside wherever the labels are used."),
        ("silence", silent, f"with no sample above {SILENT_PEAK_DB:g} dBFS: a label that nobody can hear."),
        ("clipping", clipped, f"with over {CLIPPED_PART:.1%} of the samples at {FULL_SCALE:g} of full scale or more."),
        ("DC offset", offset, f"whose mean is over {MAX_OFFSET:.0%} of full scale away from zero."),
    ]
    return [
        Finding(check, Weight.WARNING, f"{count_of(len(cases), 'clip')} {words}", cases)
        for check, cases, words in said
        if cases
    ]


def _peak(clip: Recording) -> str:
    return f"peak {clip.peak_db:.0f} dBFS" if clip.peak_db > MIN_DB else "digital silence"
