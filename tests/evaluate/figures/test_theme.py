"""Pages take every colour from the theme, and both themes have every colour."""

import re
from pathlib import Path

import emoclr.evaluate
import emoclr.predict
import emoclr.pretrain
from emoclr.evaluate.figures.theme import DARK, LIGHT, theme_css

SOURCES = [
    path
    for package in (emoclr.evaluate, emoclr.predict, emoclr.pretrain)
    for path in Path(str(package.__file__)).parent.rglob("*")
    if path.suffix in (".css", ".jinja", ".js")
]


def test_light_and_dark_have_the_same_colours_and_none_in_common() -> None:
    light, dark = LIGHT.variables(), DARK.variables()
    assert light.keys() == dark.keys() and not set(light.values()) & set(dark.values())
    assert all(re.fullmatch("#[0-9a-f]{6}", colour) for colour in (*light.values(), *dark.values()))
    assert LIGHT.series[0] == LIGHT.accent and DARK.series[0] == DARK.accent
    assert "--note-line" in light and f"--series-{len(LIGHT.series) - 1}" in light


def test_every_colour_but_one_stands_for_one_thing() -> None:
    # In drawings a colour is replaced by its variable, so two variables of one value would be taken for each other.
    for theme in (LIGHT, DARK):
        assert len(set(theme.variables().values())) == len(theme.variables()) - 1


def test_pages_use_variables_of_the_theme_and_no_colours_of_their_own() -> None:
    assert {"report.css", "answer.css", "page.css", "parts.html.jinja"} <= {path.name for path in SOURCES}
    for path in SOURCES:
        text = path.read_text(encoding="utf-8")
        used = set(re.findall(r"var\((--[\w-]+)\)", text))
        # Beside the theme's: numbers, text made pale, and the colour of an emotion.
        assert used <= {*LIGHT.variables(), "--lanes", "--channels", "--share", "--shade", "--of"}, path
        screen = text.split("@media print")[0]
        assert not re.findall(r"#[0-9a-f]{3,6}\b(?=[;\s])", screen), path


def test_the_dark_colours_are_for_screens_alone() -> None:
    light, dark = theme_css().split("@media screen and (prefers-color-scheme: dark)")
    assert f"--accent: {LIGHT.accent};" in light and f"--accent: {DARK.accent};" in dark
