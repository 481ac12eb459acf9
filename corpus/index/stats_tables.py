"""A corpus in numbers, as tables for a screen of 80 columns."""

from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from emoclr.configs.console import results
from emoclr.configs.messages import count_of
from emoclr.corpus.audio.samples import SILENT_PEAK_DB
from emoclr.corpus.index.stats import FULL_SCALE_DB, Labels, Overview

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.columns import Columns
    from rich.console import Console  # noqa: TID251
    from rich.table import Table

SHORT_S = 0.5
LONG_S = 22.0
"""Clips are meant to be between these."""

_QUANTILES = {"least": 0.0, "1 %": 0.01, "25 %": 0.25, "median": 0.5, "75 %": 0.75, "99 %": 0.99, "most": 1.0}
_SHOWN = 8


def print_overview(overview: Overview, console: "Console | None" = None) -> None:
    """Prints the tables, on standard output where no console is given."""
    console = console or results()
    for part in _parts(overview):
        console.print(part)


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
    if overview.notes:
        yield ""
        yield from (f"note: {note}" for note in overview.notes)


def _sound(overview: Overview) -> "Iterator[str | Table | Columns]":
    from rich.columns import Columns

    durations_s, peak_db = overview.durations_s, overview.peak_db
    yield ""
    yield _quantiles({"Duration, s": durations_s}, "{:,.2f}")
    short, long = (durations_s < SHORT_S).sum(), (durations_s > LONG_S).sum()
    yield f"under {SHORT_S:g} s: {_part(short, len(durations_s))}; over {LONG_S:g} s: {_part(long, len(durations_s))}"
    yield ""
    levels = {"RMS, dBFS": overview.rms_db, "Peak, dBFS": peak_db}
    yield _quantiles({name: values[np.isfinite(values)] for name, values in levels.items()}, "{:.1f}")
    full, silent = (peak_db >= FULL_SCALE_DB).sum(), (peak_db <= SILENT_PEAK_DB).sum()
    yield (f"peaks at full scale, perhaps clipped: {_part(full, len(peak_db))}; silent: {_part(silent, len(peak_db))}")
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
        yield f"{len(labels.clips_per_speaker):,} speakers"
    if labels.splits:
        splits = _table("Split", "clips", "hours", "speakers")
        for split in labels.splits:
            speakers = "unknown" if split.speakers is None else f"{split.speakers:,}"
            splits.add_row(split.name, f"{split.clips:,}", f"{split.hours:,.2f}", speakers)
        yield ""
        yield splits


def _part(count: int, whole: int) -> str:
    return f"{count:,} ({count / max(1, whole):.1%})"


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
