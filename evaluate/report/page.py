"""What the HTML reports of all commands share: their look, and pictures and sounds inside the page."""

import base64
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

STYLE = Path(__file__).with_name("report.css")


@dataclass(frozen=True)
class Theme:
    """Colours of one page, as `report.css` has them too."""

    card: str
    text: str
    muted: str
    grid: str
    accent: str
    soft: str
    baseline: str


LIGHT = Theme("#ffffff", "#1c2127", "#5c6670", "#e3e7eb", "#1f6f8b", "#a9cfdc", "#98a1aa")
DARK = Theme("#181d23", "#e6eaee", "#a0abb6", "#303841", "#62bcd9", "#2c5b6c", "#75808b")


def figure_style(theme: Theme) -> Any:
    """Returns matplotlib's settings for a figure on a page of these colours."""
    return {
        "font.size": 10,
        "text.color": theme.text,
        "axes.facecolor": theme.card,
        "axes.edgecolor": theme.grid,
        "axes.labelcolor": theme.muted,
        "axes.titlecolor": theme.text,
        "axes.titlesize": 10,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.axisbelow": True,
        "xtick.color": theme.muted,
        "ytick.color": theme.grid,
        "ytick.labelcolor": theme.text,
        "grid.color": theme.grid,
        "grid.linewidth": 0.8,
    }


def render_page(template: Path, **content: Any) -> str:
    """Returns a page made of a Jinja template; what is filled in is escaped, but for `style`, the common look.

    The filter `prose` shows what stands between backticks as code.
    """
    from jinja2 import Environment
    from markupsafe import Markup, escape

    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.filters["prose"] = lambda text: Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))
    page = environment.from_string(template.read_text(encoding="utf-8"))
    return page.render(style=Markup(STYLE.read_text(encoding="utf-8").rstrip()), **content)


def data_url(content: bytes, kind: str = "image/png") -> str:
    """Returns a picture or a sound as an address that holds it."""
    return f"data:{kind};base64," + base64.b64encode(content).decode("ascii")
