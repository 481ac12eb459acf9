"""The colours of reports on light and on dark pages: of the page itself, of its figures, and of series in them."""

from dataclasses import dataclass, fields


@dataclass(frozen=True)
class Theme:
    """Colours of one page, as hexadecimal RGB.

    Attributes:
        page: behind everything.
        card: behind tables and figures.
        text: of words and numbers.
        muted: of axes, captions and intervals.
        line: of borders and grids.
        accent: of links, and of what a figure is about.
        tint: behind the row of the headline model.
        soft: of bars and thin lines below what is drawn in `accent`.
        baseline: of what is compared with.
        note: behind notes.
        note_line: at the left of notes.
        good: of the mark of a sentence that speaks for a model.
        bad: of one that speaks against it.
        series: of several lines or classes in one figure; `accent` is the first.
    """

    page: str
    card: str
    text: str
    muted: str
    line: str
    accent: str
    tint: str
    soft: str
    baseline: str
    note: str
    note_line: str
    good: str
    bad: str
    series: tuple[str, ...]

    def variables(self) -> dict[str, str]:
        """Returns the CSS variables of the colours, such as `--note-line`; series are `--series-0` and on."""
        found = {f"--{field.name.replace('_', '-')}": getattr(self, field.name) for field in fields(self)}
        series = found.pop("--series")
        return found | {f"--series-{place}": colour for place, colour in enumerate(series)}


LIGHT = Theme(
    page="#f5f6f8",
    card="#ffffff",
    text="#1c2127",
    muted="#5c6670",
    line="#e3e7eb",
    accent="#1f6f8b",
    tint="#eef5f8",
    soft="#a9cfdc",
    baseline="#98a1aa",
    note="#fff7e0",
    note_line="#e2b93b",
    good="#2e7d4f",
    bad="#b3362f",
    series=("#1f6f8b", "#c4622d", "#4f7f3a", "#8a4f9e", "#b03a55", "#6b6f1f", "#3f5fae", "#7a5a3c"),
)
DARK = Theme(
    page="#101418",
    card="#181d23",
    text="#e6eaee",
    muted="#a0abb6",
    line="#303841",
    accent="#62bcd9",
    tint="#1b2a32",
    soft="#2c5b6c",
    baseline="#75808b",
    note="#2a2616",
    note_line="#a58a2c",
    good="#7cc796",
    bad="#f08a80",
    series=("#62bcd9", "#f0996a", "#93c47d", "#c79adb", "#ee8099", "#c9cd6a", "#8fa9f0", "#c8a283"),
)


def theme_css() -> str:
    """Returns the style sheet that gives a page the colours: light ones, and dark ones on screens that ask for them."""
    light, dark = (
        "".join(f" {name}: {colour};" for name, colour in theme.variables().items()) for theme in (LIGHT, DARK)
    )
    return f":root {{{light} }}\n@media screen and (prefers-color-scheme: dark) {{ :root {{{dark} }} }}\n"
