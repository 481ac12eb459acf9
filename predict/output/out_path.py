"""What `--out` may be: a file that is not there yet, or one that `predict` wrote, so that nobody's file is lost."""

import csv
import stat
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Literal, get_args

from emoclr.configs.errors import ConfigError
from emoclr.configs.files import parse_json
from emoclr.configs.messages import readable
from emoclr.evaluate.report.sentence import CAUTIONS
from emoclr.predict.options import RowKind
from emoclr.predict.output.annotations.forms import FORMS

Form = Literal["csv", "jsonl", "parquet"]

FIRST_COLUMNS = ["path", "start_s", "end_s"]
LAST_COLUMN: "dict[RowKind, str]" = {"recording": "emotions", "window": "emotions", "segment": "probability"}
ERROR_COLUMNS = ["path", "reason", "status"]


def form_of(out: Path) -> Form:
    """Returns the form of a table by the ending of its name.

    Raises:
        ConfigError: it is none of the three.

    Examples:
        >>> form_of(Path("predictions.jsonl"))
        'jsonl'
    """
    for form in get_args(Form):
        if out.suffix.lower() == f".{form}":
            return form  # type: ignore[no-any-return]
    of_one = [form.ending for form in FORMS.values() if not form.one_file]
    of_many = [form.ending for form in FORMS.values() if form.one_file]
    raise ConfigError(
        f"--out {readable(out)}: give a table ({', '.join(f'.{form}' for form in get_args(Form))}), annotations of one "
        f"recording ({', '.join(of_one)}) or of several ({', '.join(of_many)}), a folder with --format "
        f"{', '.join(name for name, form in FORMS.items() if not form.one_file)}, or - for standard output"
    )


def errors_path(out: Path) -> Path:
    """Returns where the table of errors of `out` goes: `predictions.csv` has `predictions.errors.csv`."""
    return out.with_name(f"{out.stem}.errors.csv")


def part_path(out: Path) -> Path:
    """Returns where the rows of an unfinished table are."""
    return out.with_name(f"{out.name}.part")


def state_path(out: Path) -> Path:
    """Returns where it is written how far the work on an unfinished table is."""
    return out.with_name(f"{out.name}.state")


def check_out(out: Path, recordings: Iterable[Path]) -> None:
    """Checks that a table can be written without harm to any other file.

    Args:
        out: the table; the files beside it that belong to it are checked, too.
        recordings: what is predicted.

    Raises:
        ConfigError: one of them is a link, no regular file, a recording, or not of `predict`.
    """
    form_of(out)
    check_free([out, *beside(out)], recordings)
    check_ours(out, is_predictions)
    check_ours(errors_path(out), is_errors_table)


def beside(out: Path) -> list[Path]:
    """Returns the files beside `out` that belong to it."""
    return [errors_path(out), part_path(out), state_path(out)]


def check_free(paths: Iterable[Path], recordings: Iterable[Path]) -> None:
    """Checks that nothing that is there forbids to write some files.

    Args:
        paths: the files.
        recordings: what is predicted.

    Raises:
        ConfigError: one is a link, no regular file, or a recording.
    """
    there: dict[tuple[int, int], Path] = {}
    for path in paths:
        if path.is_symlink():
            raise ConfigError(f"{readable(path)}: is a link, which would be replaced; give the file itself")
        try:
            found = path.stat()
        except FileNotFoundError:
            continue
        except OSError as error:
            raise ConfigError(f"{readable(path)}: cannot be written: {error.strerror}") from error
        if not stat.S_ISREG(found.st_mode):
            raise ConfigError(f"{readable(path)}: is no regular file; give the name of a new file")
        there[found.st_dev, found.st_ino] = path
    for recording in recordings if there else ():
        try:
            found = recording.stat()
        except OSError:
            continue
        if (found.st_dev, found.st_ino) in there:
            lost = readable(there[found.st_dev, found.st_ino])
            raise ConfigError(f"{lost}: is one of the recordings, and would be overwritten; give another name")


def check_ours(path: Path, is_ours: Callable[[Path], bool]) -> None:
    """Checks that there is no file at a path, or one that `predict` wrote.

    Raises:
        ConfigError: there is another one.
    """
    if path.exists() and not is_ours(path):
        raise ConfigError(f"{readable(path)}: is there, and was not written by predict; give another name")


def is_predictions(path: Path) -> bool:
    """Returns whether a file is a table of predictions in the form of its ending, or empty."""
    form = form_of(path)
    if not path.stat().st_size:
        return True
    columns: Sequence[str]
    if form == "parquet":
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            columns = pq.read_schema(path).names
        except pa.ArrowInvalid:
            return False
    elif form == "csv":
        columns = _first_cells(path)
    else:
        try:
            columns = list(parse_json(_first_line(path)))
        except (ValueError, TypeError):
            return False
    last = [name for name in columns if name != CAUTIONS][-1:]
    return columns[:3] == FIRST_COLUMNS and last[0] in LAST_COLUMN.values()


def is_errors_table(path: Path) -> bool:
    """Returns whether there is a table of errors of `predict`, of version 0.2 or later, at a path."""
    return path.is_file() and _first_cells(path) in (ERROR_COLUMNS, ERROR_COLUMNS[:2])


def _first_cells(path: Path) -> list[str]:
    return next(csv.reader([_first_line(path)]), [])


def _first_line(path: Path) -> str:
    with path.open("rb") as file:
        return file.readline(1 << 20).decode(errors="replace").rstrip("\n")
