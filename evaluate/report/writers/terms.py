"""Terms of a page, each explained where it is first used: on hover, by keyboard, and by touch."""

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from emoclr.evaluate.metrics.registry import EMOTION_METRICS, METRICS

if TYPE_CHECKING:
    from markupsafe import Markup

WORDS = {
    "95 % interval": "where the value would lie for other speakers like these, in 95 of 100 cases: clips were drawn "
    "anew many times, speaker by speaker (bootstrap)",
    "chance": "what an answer is worth that does not hear the clip",
    "baseline": "what a model has to be better than, fitted to the same clips: untrained networks, features without "
    "a network, and chance",
    "threshold": "the probability from which on an emotion is named; chosen on other clips than those scored",
}
"""Terms that are no metrics."""
_CODE = re.compile(r"`([^`]+)`")


class Terms:
    """Puts an explanation at the first use of each term in every part of a page, by words that are found as they stand.

    Args:
        meanings: of each term; its plural is found, too.

    Examples:
        >>> terms = Terms({"UAR": "unweighted average recall"})
        >>> print(terms("UAR & `UAR` and UAR"))  # doctest: +ELLIPSIS
        <span class="term"><button type="button" ...>UAR</button>...</span> &amp; <code>UAR</code> and UAR
    """

    def __init__(self, meanings: Mapping[str, str]) -> None:
        self.meanings = meanings
        self._explained: set[str] = set()
        self._count = 0
        words = "|".join(re.escape(term) for term in sorted(meanings, key=len, reverse=True))
        self._found = re.compile(rf"(\(?)(?<![\w-])({words})(s?)(?![\w-])([),.;:]*)") if words else re.compile(r"(?!)")

    def part(self) -> str:
        """Begins a part of the page, in which each term is explained again; returns nothing to show."""
        self._explained.clear()
        return ""

    def __call__(self, text: str) -> "Markup":
        """Returns text as HTML: with explanations, and as code what stands between backticks."""
        from markupsafe import Markup, escape

        parts = _CODE.split(str(text))  # words and code by turns
        made = [
            Markup("<code>{}</code>").format(part) if place % 2 else self._explain(part)
            for place, part in enumerate(parts)
        ]
        return Markup("").join(made) if made else escape("")

    def _explain(self, text: str) -> "Markup":
        from markupsafe import Markup, escape

        shown, end = [], 0
        for found in self._found.finditer(text):
            before, term, plural, after = found.groups()
            if term in self._explained:
                continue
            self._explained.add(term)
            self._count += 1
            tip = f"tip{self._count}"
            shown += [
                escape(text[end : found.start()]),
                Markup(
                    '<span class="term">{}<button type="button" aria-describedby="{}">{}</button>{}'
                    '<span class="tip" role="tooltip" id="{}">{}</span></span>'
                ).format(before, tip, term + plural, after, tip, self.meanings[term]),
            ]
            end = found.end()
        return Markup("").join([*shown, escape(text[end:])])


def glossary(metrics: Iterable[str]) -> dict[str, str]:
    """Returns the terms of a page on these metrics, and what they mean.

    >>> glossary(["uar"])["UAR"]
    'unweighted average recall: each emotion counts the same'
    """
    of_all = {METRICS[name].label: METRICS[name].meaning for name in metrics}
    return of_all | {metric.label: metric.meaning for metric in EMOTION_METRICS.values()} | WORDS
