"""Names of all kinds are words in Markdown, as they are in HTML: nothing of them is loaded, linked or run."""

import re
from collections.abc import Callable
from dataclasses import replace
from html import unescape

import pytest
from markdown_it import MarkdownIt

from emoclr.evaluate.metrics.intervals import Measure
from emoclr.evaluate.report.formatting import markdown_cell, markdown_code, markdown_table, markdown_text
from emoclr.evaluate.report.report import Report
from emoclr.evaluate.report.section import Example, Section, Table
from emoclr.evaluate.report.writers.report_html import report_html
from emoclr.evaluate.report.writers.report_markdown import report_markdown
from emoclr.evaluate.speaker_probe import SpeakerProbe

MakeReport = Callable[..., Report]
NAMES = [
    "![x](http://127.0.0.1/x.png)",
    "[x](http://127.0.0.1)",
    "<script>alert(1)</script>",
    "<img src=http://127.0.0.1/x>",
    "<http://127.0.0.1>",
    "a|b",
    "a\\|b",
    "`a|b",
    "``![x](http://127.0.0.1)``",
    "a*b* **c** _d_ ~~e~~",
    "crema_d__x",
    "&lt;b&gt; &copy;",
    "$x$",
    "back\\slash\\",
]
LINES = ["a\n\n# heading", "a\n```\n<b>", "a\r| b |", "\x1b[2J"]
RENDERER = MarkdownIt("commonmark").enable(["table", "strikethrough"])


def words_of(html: str) -> str:
    return unescape(re.sub(r"<[^>]*>", "", html)).strip()


def without_code(name: str) -> str:
    """Returns a name as prose shows it, in which what stands in backticks is code."""
    return re.sub(r"`([^`]+)`", r"\1", name)


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_shown_as_it_is(name: str) -> None:
    html = RENDERER.render(f"x {markdown_text(name)}")
    assert set(re.findall(r"<(\w+)", html)) <= {"p", "code"}
    assert words_of(html) == f"x {without_code(name)}"
    html = RENDERER.render(markdown_table(["x", name], [[markdown_cell(name), markdown_cell(name)]]))
    assert set(re.findall(r"<(\w+)", html)) == {"table", "thead", "tbody", "tr", "th", "td"} | (
        {"code"} if "<code" in html else set()
    )
    assert [words_of(cell) for cell in re.findall(r"<t[hd][^>]*>.*?</t[hd]>", html)] == ["x", *[without_code(name)] * 3]


@pytest.mark.parametrize("name", LINES)
def test_a_name_is_one_line(name: str) -> None:
    html = RENDERER.render(f"- {markdown_text(name)}")
    assert set(re.findall(r"<(\w+)", html)) == {"ul", "li"}


@pytest.mark.parametrize("command", ["probe --out 'a\n```\n<b>x</b>'", "````"])
def test_a_command_stays_in_its_block(command: str) -> None:
    assert words_of(RENDERER.render(markdown_code(command))) == command
    assert set(re.findall(r"<(\w+)", RENDERER.render(markdown_code(command)))) == {"pre", "code"}


def test_no_name_in_a_report_is_loaded_linked_or_run(make_report: MakeReport) -> None:
    bad = " ".join(NAMES[:5])
    report = make_report(clips=60)
    truth = report.scores.truth
    emotions = [bad + name for name in truth.emotions]
    rows = [replace(row, name=bad + row.name) for row in report.scores.emotions]
    models = [replace(row, name=bad + row.name, note=bad) for row in report.scores.models]
    groups = {bad: [replace(row, value=bad + row.value) for row in report.scores.groups["sex"]]}
    gaps = {bad: {name: replace(gap, best=bad, worst=bad) for name, gap in report.scores.gaps["sex"].items()}}
    scores = replace(
        report.scores,
        truth=replace(truth, emotions=emotions),
        headline=replace(report.scores.headline, name=bad),
        models=models,
        emotions=rows,
        groups=groups,
        gaps=gaps,
    )
    section = Section(
        "it",
        bad,
        bad,
        [Table([bad, bad], [[bad, Measure(0.5, 0.4, 0.6)]], bad)],
        (),
        [Example(bad, [(bad, bad)], 1.0, None, [], None)],
    )
    probe = SpeakerProbe([(bad, Measure(0.4, 0.3, 0.5))], 18, bad)
    hostile = replace(
        report,
        title=bad,
        summary=bad,
        scores=scores,
        notes=[bad],
        left_out={bad: bad},
        set_aside=[(bad, bad)],
        sections=[section],
        speaker_probe=probe,
        command=bad,
        fingerprint=bad,
        versions={bad: bad},
    )
    page, ours = re.subn(r"<script>\naddEventListener\(.*?</script>", "", report_html(hostile, []), flags=re.DOTALL)
    assert ours == 1
    for html in (RENDERER.render(report_markdown(hostile, [])), page):
        loaded = re.findall(r"<(?:script|img|a|iframe)\b[^>]*", html)
        assert [tag for tag in loaded if 'href="#' not in tag] == []
