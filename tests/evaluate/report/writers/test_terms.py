"""A term is explained where it is first used, in each part of a page, and what users wrote is shown as it is."""

import re

from emoclr.evaluate.metrics.registry import EMOTION_METRICS, METRICS, headline_columns
from emoclr.evaluate.report.writers.terms import Terms, glossary


def explained(html: str) -> list[str]:
    return re.findall(r'<button type="button" aria-describedby="tip\d+">([^<]*)</button>', html)


def test_each_term_is_explained_once_in_a_part() -> None:
    terms = Terms({"UAR": "recall", "interval": "where"})
    assert explained(terms("UAR with its interval; UAR.") + terms("intervals")) == ["UAR", "interval"]
    terms.part()
    assert explained(terms("of intervals")) == ["intervals"]


def test_a_term_is_a_word_of_its_own_and_the_longest_counts() -> None:
    terms = Terms({"AUROC": "of one", "macro AUROC": "of all", "AP": "precision"})
    assert explained(terms("MAP-AP, mAP and macro AUROC")) == ["macro AUROC"]
    assert explained(terms("`AP` or (AP)")) == ["AP"]


def test_each_explanation_is_what_its_button_is_described_by() -> None:
    html = str(Terms({"UAR": "a<b"})("UAR of <i>"))
    (tip,) = re.findall(r'aria-describedby="([^"]*)"', html)
    assert f'role="tooltip" id="{tip}">a&lt;b</span>' in html and html.endswith(" of &lt;i&gt;")


def test_every_metric_of_a_page_has_an_entry() -> None:
    names = headline_columns(single_label=True)
    labels = {METRICS[name].label for name in names} | {metric.label for metric in EMOTION_METRICS.values()}
    assert labels <= glossary(names).keys() and all(glossary(names).values())
