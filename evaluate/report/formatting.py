"""Numbers with their intervals as text, as cells of Markdown tables, and as JSON values."""

import math
import re
from collections.abc import Sequence
from typing import Any

from emoclr.configs.messages import readable
from emoclr.evaluate.metrics.intervals import Measure, Metrics
from emoclr.evaluate.metrics.registry import METRICS
from emoclr.evaluate.paired import FEW_SPEAKERS
from emoclr.evaluate.scores import CHANCE, LISTENERS, Row


def number(value: float | None) -> str:
    """Returns a number to three digits, a dash where there is none."""
    return "–" if value is None or math.isnan(value) else f"{value:.3f}"


def interval(found: Measure) -> str:
    """Returns an interval to three digits, empty where there is none."""
    if math.isnan(found.low):
        return ""
    # A dash between numbers of which one has a minus is read wrongly.
    return f"{found.low:.3f}{' to ' if found.low < 0 else '–'}{found.high:.3f}"


def listed(names: Sequence[str], last: str = "and") -> str:
    """Returns names as one reads them.

    >>> listed(["a", "b", "c"], "or")
    'a, b or c'
    """
    return f" {last} ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def signed(found: Measure) -> str:
    """Returns a difference with its interval.

    >>> signed(Measure(0.05, 0.02, 0.08))
    '+0.050, +0.020 to +0.080'
    """
    return f"{found.value:+z.3f}, {found.low:+z.3f} to {found.high:+z.3f}"


_CODE = re.compile(r"(`[^`]+`)")
_ACTIVE = re.compile(r"[\\`*\[\]<>|~$]|(?<!\w)_|_(?!\w)|&(?=[#\w])|:(?=//)")


def markdown_text(text: str) -> str:
    r"""Returns words and names as one line of Markdown that shows them as they are; what stands in backticks is code.

    >>> markdown_text("![x](http://a.b) in `a|b` by <b>me_1</b>")
    '!\\[x\\](http\\://a.b) in `a|b` by \\<b\\>me_1\\</b\\>'
    """
    parts = _CODE.split(readable(text))  # words and code by turns
    return "".join(part if place % 2 else _ACTIVE.sub(r"\\\g<0>", part) for place, part in enumerate(parts))


def markdown_code(text: str) -> str:
    """Returns a block of code in Markdown, whose fence is longer than any in it."""
    longest = max([2, *(len(run) for run in re.findall("`+", text))])
    fence = "`" * (longest + 1)
    return f"{fence}\n{text}\n{fence}"


def markdown_cell(found: str | Measure, best: float | None = None) -> str:
    """Returns a cell of a Markdown table: a number with its interval, bold where it is the best."""
    if isinstance(found, str):
        return re.sub(r"(?<!\\)\|", r"\\|", markdown_text(found))  # of code, too, which a table does not know
    value = number(found.value)
    if best is not None and value == number(best):
        value = f"**{value}**"
    return f"{value} [{interval(found)}]" if interval(found) else value


def markdown_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Returns a table in Markdown; the first column is words, the others are numbers.

    Args:
        head: words above the columns.
        rows: cells in Markdown, as `markdown_cell` gives them.
    """
    lines = [[markdown_cell(name) for name in head], ["---"] + ["---:"] * (len(head) - 1), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def json_metrics(metrics: Metrics) -> dict[str, Any]:
    """Returns metrics as `report.json` has them."""
    return {name: json_measure(found) for name, found in metrics.items()}


def json_measure(found: Measure) -> dict[str, Any]:
    """Returns a number and its interval as `report.json` has them; what is not defined is None."""
    return {"value": json_number(found.value), "ci95": [json_number(found.low), json_number(found.high)]}


def json_number(value: float) -> float | None:
    """Returns a number to six digits, None for nan."""
    return None if math.isnan(value) else round(value, 6)


def best_rows(rows: Sequence[Row], names: Sequence[str]) -> dict[str, float]:
    """Returns the best value of each metric among `rows`, as far as it shows: to three digits.

    Chance takes no part: a constant is well calibrated without knowing anything. Nor do listeners: they are no model.
    """
    best = {}
    for name in names:
        found = [row.metrics[name].value for row in rows if row.name not in (CHANCE, *LISTENERS)]
        values = [round(value, 3) for value in found if not math.isnan(value)]
        if values:
            best[name] = min(values) if METRICS[name].lower_is_better else max(values)
    return best


def in_words(found: Measure, n_speakers: int, metric: str) -> str:
    """Returns a difference in words.

    Of few speakers, no resample can call a difference real: two agree by chance every second time.

    >>> in_words(Measure(-0.0001, -0.007, 0.007), 24, "uar")
    '+0.000 [-0.007 to 0.007] UAR, which may be chance'
    """
    if n_speakers < FEW_SPEAKERS or math.isnan(found.low):
        meaning = f"too few speakers ({n_speakers}) to tell it from chance"
    elif found.low > 0:
        meaning = "a real gain"
    elif found.high < 0:
        meaning = "a real loss"
    else:
        meaning = "which may be chance"
    within = f" [{interval(found)}]" if interval(found) else ""
    return f"{found.value:+z.3f}{within} {METRICS[metric].label}, {meaning}"
