"""Long recordings to a table of voiced segments."""

import contextlib
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from emoclr.configs.console import say, track
from emoclr.configs.errors import ConfigError
from emoclr.configs.files import csv_line, text_cell, write_text
from emoclr.configs.messages import by_reason, count_of, readable
from emoclr.corpus.audio.decoder import SAMPLE_RATE, AudioError, Recording
from emoclr.corpus.audio.voice import FRAME_S, VoiceGate, voiced_frames
from emoclr.corpus.clips.clip_table import Clip
from emoclr.corpus.clips.sources import clips_from
from emoclr.corpus.clips.voiced_segments import Interval, voiced_segments
from emoclr.corpus.index.journal import Journal
from emoclr.corpus.labels.clip_names import portable_path
from emoclr.corpus.labels.tables.column_names import Given
from emoclr.corpus.parallel.engines import Engine, LocalEngine


class Part(NamedTuple):
    """A recording, or a part of one, and how long its segments may be."""

    path: Path
    start_s: float
    end_s: float | None
    min_s: float
    max_s: float


class Segmented(NamedTuple):
    """What a recording holds.

    Attributes:
        segments: from when to when in the recording, s.
        heard_s: length of what was decoded.
        voiced_s: how much of it is voiced.
        partial: what of it was not decoded, in words.
        reason: why it cannot be read.
    """

    segments: list[Interval]
    heard_s: float = 0.0
    voiced_s: float = 0.0
    partial: str = ""
    reason: str = ""


def segment(
    sources: Sequence[Path],
    out: Path,
    min_s: float,
    max_s: float,
    engine: Engine | None = None,
    columns: Given | None = None,
) -> bool:
    """Writes the voiced segments of recordings as a CSV with path, start_s, end_s, and speaker where one is known.

    What has been heard is kept beside the table until it is written, so that a run that is killed goes on there.

    Args:
        sources: folders, files, an index, or tables of clips, whose parts and speakers count.
        out: the table.
        min_s: shortest segment, s.
        max_s: longest segment, s.
        engine: where recordings are heard; None for this machine.
        columns: columns of the tables by their meaning, where their names do not tell it.

    Returns:
        Whether there is a segment.

    Raises:
        ConfigError: the lengths do not fit, or there are no recordings.
        EmoclrError: `out` cannot be written.
    """
    if not 0 < 2 * min_s <= max_s:
        raise ConfigError(f"--max-s {max_s:g}: has to be at least twice --min-s {min_s:g}, so that a cut leaves both")
    clips = list(clips_from(sources, columns=columns))
    parts = [Part(clip.path.absolute(), clip.start_s, clip.end_s, min_s, max_s) for clip in clips]
    with Journal(out) as journal:
        known = {tuple(key): Segmented(*found) for key, found in _pairs(journal.rows())}
        keys = [_key(part) for part in parts]
        new = [part for part, key in zip(parts, keys, strict=True) if key not in known]
        if len(new) < len(parts):
            say(f"going on with a run that did not end, after {count_of(len(parts) - len(new), 'recording')}")
        results = (engine or LocalEngine()).run(segment_part, new, _path_of, lost_part)
        for part, found in zip(new, track(results, "listening for voices", total=len(new)), strict=True):
            known[_key(part)] = found
            journal.append([_key(part), found])
        whole = [known.get(key) or known[_key(part)] for part, key in zip(parts, keys, strict=True)]
        write_text(out, "".join(_lines(clips, whole, out)))
    for line in summary_of(clips, whole):
        say(line)
    return any(found.segments for found in whole)


def segment_part(part: Part) -> Segmented:
    """Returns the voiced segments of a part of a recording, which is decoded block by block."""
    gate = VoiceGate()
    try:
        with Recording(part.path, part.path) as recording:
            found, samples = [], 0
            for block in recording.blocks(part.start_s, part.end_s):
                samples += len(block)
                found.append(gate.push(block))
            probabilities = np.concatenate([*found, gate.finish()])
            partial = recording.partial
    except AudioError as error:
        return Segmented([], reason=error.reason)
    heard_s = samples / SAMPLE_RATE
    segments = [
        (round(part.start_s + start_s, 3), round(part.start_s + min(end_s, heard_s), 3))
        for start_s, end_s in voiced_segments(probabilities, part.min_s, part.max_s)
    ]
    voiced_s = min(heard_s, float(voiced_frames(probabilities).sum()) * FRAME_S)
    return Segmented(segments, heard_s, voiced_s, partial)


def lost_part(part: Part, reason: str) -> Segmented:
    """Returns a recording that cannot be read without harm."""
    return Segmented([], reason=reason)


def summary_of(clips: Sequence[Clip], found: Sequence[Segmented]) -> list[str]:
    """Returns lines that say how much is voiced, how long segments are, and which recordings have none.

    >>> summary_of([Clip(Path("a.wav"))], [Segmented([(0.5, 2.5), (4.0, 5.0)], 3600.0, 1800.0)])
    ['1 recording, 1.00 h, 50 % voiced: 2 segments of 1.5 s (median), 0.00 h']
    """
    named = [(readable(clip.path), one) for clip, one in zip(clips, found, strict=True)]
    lengths_s = [end_s - start_s for one in found for start_s, end_s in one.segments]
    heard_s = sum(one.heard_s for one in found)
    voiced = sum(one.voiced_s for one in found) / heard_s if heard_s else 0.0
    median_s = float(np.median(lengths_s)) if lengths_s else 0.0
    lines = [
        f"{count_of(len(found), 'recording')}, {heard_s / 3600:,.2f} h, {100 * voiced:.0f} % voiced: "
        f"{count_of(len(lengths_s), 'segment')} of {median_s:.1f} s (median), {sum(lengths_s) / 3600:,.2f} h"
    ]
    silent = [name for name, one in named if not one.segments and not one.reason]
    if silent:
        lines.append(f"{count_of(len(silent), 'recording')} without a segment (such as {silent[0]})")
    for what, cases in (
        ("in part only", [(name, one.partial) for name, one in named if one.partial]),
        ("set aside", [(name, one.reason) for name, one in named if one.reason]),
    ):
        if cases:
            lines += [f"{count_of(len(cases), 'recording')} {what}:", *by_reason(cases)]
    return lines


def _lines(clips: Sequence[Clip], found: Sequence[Segmented], out: Path) -> Iterable[str]:
    named = any(clip.speaker for clip in clips)
    yield csv_line(["path", "start_s", "end_s", *(["speaker"] if named else [])])
    for clip, one in zip(clips, found, strict=True):
        path = portable_path(clip.path, out) if one.segments else ""
        for start_s, end_s in one.segments:
            yield csv_line(
                [path, f"{start_s:.10g}", f"{end_s:.10g}", *([text_cell(clip.speaker or "")] if named else [])]
            )


def _key(part: Part) -> tuple[object, ...]:
    """Returns what a part is known by: where it is, what state its file is in, and how it is cut."""
    size, modified = -1, -1
    with contextlib.suppress(OSError):  # decoding says what is wrong
        status = part.path.stat()
        size, modified = status.st_size, status.st_mtime_ns
    return (os.fspath(part.path), *part[1:], size, modified)


def _pairs(rows: Iterable[Sequence[Any]]) -> Iterable[tuple[list[Any], list[Any]]]:
    """Yields what a journal holds, without what is no row of it."""
    for row in rows:
        if len(row) == 2 and isinstance(row[0], list) and isinstance(row[1], list) and len(row[1]) == 5:
            yield row[0], row[1]


def _path_of(part: Part) -> Path:
    return part.path
