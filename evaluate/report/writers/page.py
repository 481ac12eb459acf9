"""What the HTML reports of all commands share: their look, and figures, pictures and sounds inside the page."""

import base64
import functools
import os
import urllib.parse
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emoclr.evaluate.figures.render import figure_svg
from emoclr.evaluate.figures.theme import theme_css
from emoclr.evaluate.report.formatting import interval, number
from emoclr.evaluate.report.sentence import Sentence
from emoclr.evaluate.report.writers.terms import Terms

if TYPE_CHECKING:
    from jinja2 import BaseLoader, Template
    from markupsafe import Markup

STYLE = Path(__file__).with_name("report.css")
ANSWER_STYLE = Path(__file__).with_name("answer.css")
"""Of pages with a verdict beside a figure, mistakes and matrices."""


def render_page(template: Path, **content: Any) -> str:
    """Returns a page made of a Jinja template; what is filled in is escaped, but for `style`, the common look,
    and `answer_style`, that of verdicts beside figures.

    Filters of templates: `prose` shows what stands between backticks as code, `sentences` a verdict as a list, both
    with explanations of the `Terms` that are given, `svg` a `Figure`, and `data_url` gives the address of a picture or
    a sound that the page holds. `parts.html.jinja` has what several templates show alike.
    """
    from markupsafe import Markup

    style = theme_css() + STYLE.read_text(encoding="utf-8").rstrip()
    answer_style = Markup(ANSWER_STYLE.read_text(encoding="utf-8").rstrip())
    return _compiled(template).render(style=Markup(style), answer_style=answer_style, **content)


@functools.cache
def _compiled(template: Path) -> "Template":
    from jinja2 import Environment
    from markupsafe import Markup

    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True, loader=_loader())
    environment.filters["prose"] = _prose
    environment.filters["sentences"] = _sentences
    environment.filters["svg"] = lambda figure: Markup(figure_svg(figure))
    environment.filters["data_url"] = data_url
    environment.globals.update(number=number, interval=interval)
    return environment.from_string(template.read_text(encoding="utf-8"))


def _loader() -> "BaseLoader":
    from jinja2 import FileSystemLoader

    return FileSystemLoader(STYLE.parent)


def _prose(text: str, terms: Terms | None = None) -> "Markup":
    return (terms or Terms({}))(text)


def _sentences(verdict: Iterable[Sentence], terms: Terms | None = None) -> "Markup":
    from markupsafe import Markup

    items = (
        Markup('<li class="{}">{}</li>\n').format(
            "next" if told.kind == "next" else told.weight, _prose(told.text, terms)
        )
        for told in verdict
    )
    listed = Markup("").join(items)
    return Markup('<ul class="verdict">\n{}</ul>').format(listed) if listed else listed


def data_url(content: bytes, kind: str = "image/png") -> str:
    """Returns a picture or a sound as an address that holds it."""
    return f"data:{kind};base64," + base64.b64encode(content).decode("ascii")


def address_of(file: Path, page: Path) -> str:
    """Returns where a page finds a file beside it, such as a recording, as an address that stands in quotes.

    >>> address_of(Path("calls/a 1 & 2.wav"), Path("pages/all.html"))
    '../calls/a%201%20%26%202.wav'
    """
    path = os.path.relpath(os.path.abspath(file), os.path.abspath(page.parent))  # noqa: PTH100 (follows links)
    address = urllib.parse.quote(os.fsencode(path))
    return address if "/" in address or ":" not in address else f"./{address}"
