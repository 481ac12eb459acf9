"""A corpus in numbers, as tables for a screen of 80 columns."""

from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from emoclr.configs.console import results
from emoclr.configs.messages import count_of, readable
from emoclr.corpus.index.stats import Labels, Overview
from emoclr.corpus.index.stats_verdict import LONG_S, SHORT_S, clipped_and_silent, share, short_and_long, verdict_of
from emoclr.evaluate.report.sentence import TONES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.columns import Columns
    from rich.console import Console  # noqa: TID251
    from rich.table import Table

_QUANTILES = {"least": 0.0, "1 %": 0.01, "25 %": 0.25, "median": 0.5, "75 %": 0.75, "99 %": 0.99, "most": 1.0}
_SHOWN = 8


def print_overview(overview: Overview, console: "Console | None" = None) -> None:
    """Prints what matters most, the tables, and what to do next, on standard output where no console is given."""
    console = console or results()
    answer, *steps = verdict_of(overview)
    console.print(readable(answer.text), style=TONES[answer.weight])
    for part in _parts(overview):
        console.print(part)
    console.print()
    for step in steps:
        console.print(readable(step.line), soft_wrap=True)  # however long: a command is copied whole


def _parts(overview: Overview) -> "Iterator[str | Table | Columns]":
    durations_s, recordings = overview.durations_s, len(overview.peak_db)
    aside = sum(count for _, count in overview.aside)
    yield str(overview.source)
    yield f"{count_of(len(durations_s), 'clip')}, {durations_s.sum() / 3600:,.2f} h"
    yield f"{count_of(recordings, 'recording')} can be read, {aside:,} set aside"
    if recordings:
        yield from _sound(overview)
    if overview.aside:
        yield ""
        yield _counts("Set aside", Counter(dict(overview.aside)))
    if overview.labels is not None:
        yield from _labels(overview.labels)
    if overview.notes[1:]:  # the first stands on top
        yield ""
        yield from (f"note: {note}" for note in overview.notes[1:])


def _sound(overview: Overview) -> "Iterator[str | Table | Columns]":
    from rich.columns import Columns

    durations_s, peak_db = overview.durations_s, overview.peak_db
    yield ""
    yield _quantiles({"Duration, s": durations_s}, "{:,.2f}")
    short, long = (share(clips, len(durations_s)) for clips in short_and_long(overview))
    yield f"under {SHORT_S:g} s: {short}; over {LONG_S:g} s: {long}"
    yield ""
    levels = {"RMS, dBFS": overview.rms_db, "Peak, dBFS": peak_db}
    yield _quantiles({name: values[np.isfinite(values)] for name, values in levels.items()}, "{:.1f}")
    full, silent = (share(found, len(peak_db)) for found in clipped_and_silent(overview))
    yield f"peaks at full scale, perhaps clipped: {full}; silent: {silent}"
    yield ""
    rates = Counter({f"{rate:,} Hz": count for rate, count in overview.rates.items()})
    channels = Counter({str(number): count for number, count in overview.channels.items()})
    counted = {"Sample rate": rates, "Channels": channels, "Ending": overview.formats}
    yield Columns([_counts(title, counts) for title, counts in counted.items()], padding=(0, 4))


def _labels(labels: Labels) -> "Iterator[str | Table | Columns]":
    clips, positive = len(labels.targets), labels.positive.sum(axis=0)
    shares = labels.targets.mean(axis=0) if clips else np.zeros(len(labels.emotions))
    emotions = _table("Emotion", "clips", "of all", "mean share")
    for place in np.argsort(-positive, kind="stable"):
        part = positive[place] / max(1, clips)
        emotions.add_row(labels.emotions[place], f"{positive[place]:,}", f"{part:.1%}", f"{shares[place]:.3f}")
    yield ""
    yield emotions
    mean = positive.sum() / max(1, clips)
    yield f"an emotion counts from a share of {labels.positive_share:g} on; {mean:.2f} emotions a clip"
    if labels.clips_per_speaker is not None and len(labels.clips_per_speaker):
        yield ""
        yield _quantiles({"Clips a speaker": labels.clips_per_speaker}, "{:,.0f}")
        yield count_of(len(labels.clips_per_speaker), "speaker")
    if labels.splits:
        splits = _table("Split", "clips", "hours", "speakers")
        for split in labels.splits:
            speakers = "unknown" if split.speakers is None else f"{split.speakers:,}"
            splits.add_row(split.name, f"{split.clips:,}", f"{split.hours:,.2f}", speakers)
        yield ""
        yield splits


def _quantiles(rows: "dict[str, NDArray[Any]]", form: str) -> "Table":
    table = _table("", *_QUANTILES)
    for name, values in rows.items():
        if len(values):
            table.add_row(name, *(form.format(value) for value in np.quantile(values, list(_QUANTILES.values()))))
    return table


def _counts(title: str, counts: Counter[str]) -> "Table":
    table = _table(title, "")
    for name, count in counts.most_common(_SHOWN):
        table.add_row(name, f"{count:,}")
    rest = counts.most_common()[_SHOWN:]
    if rest:
        table.add_row(f"{len(rest):,} others", f"{sum(count for _, count in rest):,}")
    return table


def _table(title: str, *columns: str) -> "Table":
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column(title, overflow="fold")
    for column in columns:
        table.add_column(column, justify="right", no_wrap=True)
    return table
