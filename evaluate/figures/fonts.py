"""Fonts for words in any script: which installed one has the letters that matplotlib's own has not."""

import contextlib
import functools
import unicodedata
from collections.abc import Iterable

FIRST = "DejaVu Sans"
"""The font that comes with matplotlib."""
PREFERRED = ("Noto Sans", "Noto")
"""Beginnings of names of fonts that are taken before others."""
PLACEHOLDERS = ("Last Resort", "Emoji", "Unifont", "Blank")
"""Parts of names of fonts that have every letter as a box, or pictures."""


def missing_letters(words: Iterable[str]) -> str:
    """Returns the letters that no installed font has, each once, in order.

    >>> missing_letters(["Ärger", "радость"])
    ''
    """
    return "".join(letter for letter in _foreign(words) if _font_of(letter) is None)


def fonts_of(words: Iterable[str]) -> list[str]:
    """Returns the families that draw words, `FIRST` and then as many as its missing letters take.

    >>> fonts_of(["joy"])
    ['DejaVu Sans']
    """
    found = [font for font in map(_font_of, _foreign(words)) if font is not None]
    return list(dict.fromkeys([FIRST, *found]))


def _foreign(words: Iterable[str]) -> list[str]:
    """Returns the letters that `FIRST` has not."""
    letters = sorted({letter for word in words for letter in word if ord(letter) > 0x7F})
    shown = [letter for letter in letters if unicodedata.category(letter)[0] not in "CZ"]
    return [letter for letter in shown if not _has(_path_of_first(), letter)]


@functools.cache
def _font_of(letter: str) -> str | None:
    """Returns the family of an installed font that has a letter."""
    for installed in (_listed, _installed):
        for path, family in installed():
            if _has(path, letter):
                return family
    return None


@functools.cache
def _listed() -> list[tuple[str, str]]:
    """Returns path and family of the fonts in matplotlib's list, which it keeps in a cache from its first use on."""
    return _ranked()


@functools.cache
def _installed() -> list[tuple[str, str]]:
    """Returns those of `_listed` and of fonts that were installed since that list was made."""
    from matplotlib.font_manager import findSystemFonts, fontManager

    known = {str(entry.fname) for entry in fontManager.ttflist}
    for path in findSystemFonts():
        if path not in known:
            with contextlib.suppress(OSError, RuntimeError):  # no font after all
                fontManager.addfont(path)
    return _ranked()


def _ranked() -> list[tuple[str, str]]:
    """Returns the upright fonts of normal weight that matplotlib knows now, those to be preferred first."""
    from matplotlib.font_manager import fontManager

    found = {
        (str(entry.fname), entry.name)
        for entry in fontManager.ttflist
        if entry.style == "normal"
        and entry.weight in (400, "normal", "regular", "book")
        and not any(part in entry.name for part in PLACEHOLDERS)
    }

    def rank(font: tuple[str, str]) -> tuple[int, str, str]:
        path, family = font
        place = next((at for at, start in enumerate(PREFERRED) if family.startswith(start)), len(PREFERRED))
        return place, family, path

    return sorted(found, key=rank)


@functools.cache
def _path_of_first() -> str:
    from matplotlib.font_manager import findfont

    return findfont(FIRST)


@functools.cache
def _has(path: str, letter: str) -> bool:
    from matplotlib.font_manager import get_font

    try:
        return bool(get_font(path).get_char_index(ord(letter)))
    except (OSError, RuntimeError):  # a file that went away, or is no font after all
        return False
