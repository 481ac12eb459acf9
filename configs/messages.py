"""What messages share: names on one line, counts, short lists, and the name that was probably meant."""

import difflib
import os
import re
from collections import Counter
from collections.abc import Iterable, Sequence

_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""Control characters, line ends, what turns the direction of writing, and bytes that are no UTF-8 (surrogates)."""


def readable(name: str | os.PathLike[str]) -> str:
    r"""Returns text, such as the name of a file, on one line that a terminal shows as it is.

    Control characters, line ends, characters that turn the direction of writing and bytes that are no UTF-8 are
    spelled out.

    >>> readable("two\nlines.wav"), readable("\x1b[31mred.wav")
    ('two\\nlines.wav', '\\x1b[31mred.wav')
    """
    return _UNPRINTABLE.sub(_spelled_out, os.fspath(name))


def one_line(error: Exception) -> str:
    r"""Returns the message of an error of a library on one line.

    >>> one_line(ValueError("while scanning\n  in line 3"))
    'while scanning in line 3'
    """
    return " ".join(str(error).split())


def _spelled_out(found: re.Match[str]) -> str:
    code = ord(found[0])
    byte = code - 0xDC00  # how Python keeps a byte that is no UTF-8
    return f"\\x{byte:02x}" if 0x80 <= byte <= 0xFF else found[0].encode("unicode_escape").decode()


def why_refused(error: OSError) -> str:
    """Returns what the system says of a file or folder, without its number and name.

    >>> why_refused(OSError(28, "No space left on device"))
    'No space left on device'
    """
    if isinstance(error, FileExistsError):  # of a folder that was to be made
        return "a file is where a folder should be"
    return error.strerror or str(error)


def count_of(number: int, what: str) -> str:
    """Returns a number with its noun.

    >>> count_of(1, "clip"), count_of(2000, "clip")
    ('1 clip', '2,000 clips')
    """
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def gigabytes(size_bytes: int) -> str:
    """Returns a size as people read it.

    >>> gigabytes(1_500_000_000), gigabytes(250_000)
    ('1.5 GB', '0.2 MB')
    """
    return f"{size_bytes / 1e9:,.1f} GB" if size_bytes >= 1e9 else f"{size_bytes / 1e6:,.1f} MB"


def some(names: Sequence[str], shown: int = 5) -> str:
    """Returns the first few names, and how many more there are.

    >>> some(["a", "b", "c"], shown=2)
    'a, b and 1 more'
    """
    more = f" and {len(names) - shown:,} more" if len(names) > shown else ""
    return ", ".join(names[:shown]) + more


def by_reason(cases: Sequence[tuple[str, str]], shown: int = 5) -> list[str]:
    """Returns a line for each of a few names with its reason; of more, a line for each reason, the most frequent first.

    >>> by_reason([("a.wav", "empty"), ("b.wav", "damaged")])
    ['  a.wav: empty', '  b.wav: damaged']
    >>> by_reason([("a.wav", "empty"), ("b.wav", "damaged"), ("c.wav", "empty")], shown=2)
    ['  2 × empty (such as a.wav)', '  1 × damaged (such as b.wav)']
    """
    if len(cases) <= shown:
        return [f"  {name}: {reason}" for name, reason in cases]
    examples = {reason: name for name, reason in reversed(cases)}
    counts = Counter(reason for _, reason in cases).most_common()
    lines = [f"  {count:,} × {reason} (such as {examples[reason]})" for reason, count in counts[:shown]]
    rest = counts[shown:]
    return [*lines, f"  {sum(count for _, count in rest):,} for {len(rest):,} other reasons"] if rest else lines


def perhaps(name: str, known: Iterable[str], shown: int = 1) -> str:
    """Returns which of the known names was probably meant, in brackets; nothing where none is near.

    Capitals do not count.

    >>> perhaps("epoch", ["epochs", "seed"])
    " (perhaps 'epochs'?)"
    """
    by_lower = {other.lower(): other for other in known}
    near = difflib.get_close_matches(name.lower(), by_lower, n=shown, cutoff=0.5)
    return suggestion(*(by_lower[lower] for lower in near))


def suggestion(*names: str) -> str:
    """Returns names as a guess at what was meant, in brackets; nothing without names."""
    quoted = " or ".join(f"'{name}'" for name in names)
    return f" (perhaps {quoted}?)" if names else ""
