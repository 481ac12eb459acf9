"""Atomic writes, YAML and JSON that people wrote, and lines of CSV that a spreadsheet may open."""

import json
import os
import re
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import yaml

from emoclr.configs.errors import ConfigError, EmoclrError
from emoclr.configs.messages import one_line, why_refused

MAX_YAML_BYTES = 4 << 20
MAX_YAML_VALUES = 100_000

FORMULA_SIGNS = "=+-@\t\r\n＝＋－＠"
"""With what a cell begins that a spreadsheet takes for a formula (OWASP, CSV Injection)."""
_FORMULA = re.compile(f"'*[{re.escape(FORMULA_SIGNS)}]")
_NUMBER = re.compile(r"[+-]?\d+(\.\d*)?([eE][+-]?\d+)?")
_QUOTED = re.compile(r'[",;\t\r\n]')
_NESTED = "is nested too deeply"


def write_atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Lets `write` fill a temporary file beside `path`, then moves it into place.

    A reader sees the old file or the new one, never a part: the temporary file is flushed to disk before the
    rename, and the folder after it.

    Args:
        path: where the file ends up; missing parent folders are made.
        write: called with the temporary path; what it returns is ignored.

    Raises:
        EmoclrError: the folder cannot be written to, or the disk is full.
    """
    path = Path(path)
    temporary: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
        os.close(handle)
        temporary = Path(name)
        write(temporary)
        _sync(temporary)
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
        _sync(path.parent)
    except OSError as error:
        raise EmoclrError(f"{path}: cannot be written: {why_refused(error)}") from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def sweep(folder: Path) -> None:
    """Removes what killed writes left in a folder that nothing else is writing into."""
    for temporary in folder.glob(".*.tmp"):
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Writes UTF-8 text atomically; file names that are no UTF-8 keep their bytes."""
    content = text.encode("utf-8", errors="surrogateescape")
    write_atomically(path, lambda temporary: temporary.write_bytes(content))


def append_text(path: Path, text: str) -> None:
    """Adds UTF-8 text at the end of a file; killed in between, it may hold a part of it.

    Raises:
        EmoclrError: the file cannot be written to, or the disk is full.
    """
    try:
        with path.open("a", encoding="utf-8", newline="") as file:
            file.write(text)
    except OSError as error:
        raise EmoclrError(f"{path}: cannot be written: {why_refused(error)}") from error


class _Loader(yaml.SafeLoader):
    """YAML of a bounded size that does not drop a key that comes twice, and names the place of what is impossible."""

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self.values = 0
        self.values_in: dict[int, int] = {}

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """Returns a node; what an alias stands for counts each time.

        Raises:
            yaml.YAMLError: there are too many values, as where aliases stand for lists of aliases.
        """
        is_alias, mark, before = self.check_event(yaml.AliasEvent), self.peek_event().start_mark, self.values  # type: ignore[no-untyped-call]
        node = super().compose_node(parent, index)
        if is_alias and id(node) not in self.values_in:
            raise yaml.MarkedYAMLError(problem="an alias stands for what it is a part of", problem_mark=mark)
        self.values += self.values_in[id(node)] if is_alias else 1
        self.values_in[id(node)] = self.values - before
        if self.values > MAX_YAML_VALUES:
            raise yaml.MarkedYAMLError(problem=f"holds more than {MAX_YAML_VALUES:,} values", problem_mark=mark)
        return node

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        """Returns what a node holds.

        Raises:
            yaml.YAMLError: it is impossible, such as a 13th month or a number of thousands of digits.
        """
        try:
            held = super().construct_object(node, deep)
            if isinstance(held, str) and "\0" in held:
                raise ValueError("holds a zero byte, which is in no text and in no name of a file")
        except (ValueError, OverflowError) as error:
            raise yaml.MarkedYAMLError(problem=str(error), problem_mark=node.start_mark) from error
        return held

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Returns a mapping; a key that comes twice is an error with its place."""
        content = super().construct_mapping(node, deep)
        if len(content) < len(node.value):
            seen = set()
            for key_node, _ in node.value:
                key = self.construct_object(key_node, deep=True)
                if key in seen:
                    raise yaml.MarkedYAMLError(problem=f"'{key}' stands here twice", problem_mark=key_node.start_mark)
                seen.add(key)
        return content


class _TextLoader(_Loader):
    """YAML whose numbers, dates and words such as `on` are the text that they are written as."""

    yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in resolvers if tag.endswith((":null", ":merge"))]
        for first, resolvers in _Loader.yaml_implicit_resolvers.items()
    }


def parse_yaml(text: str, *, as_text: bool = False) -> Any:
    """Returns what YAML holds.

    Args:
        text: the YAML.
        as_text: numbers, dates and words such as `on` are left as they are written.

    Raises:
        yaml.YAMLError: it is none, or nested too deeply.
    """
    try:
        return yaml.load(text, _TextLoader if as_text else _Loader)  # both are SafeLoaders
    except RecursionError as error:
        raise yaml.YAMLError(_NESTED) from error


def yaml_problem(error: Exception) -> str:
    """Returns what is wrong with YAML on one line, with its place."""
    if isinstance(error, yaml.MarkedYAMLError) and error.problem and error.problem_mark:
        return f"{error.problem} (line {error.problem_mark.line + 1}, column {error.problem_mark.column + 1})"
    return one_line(error)


def parse_json(text: str | bytes) -> Any:
    """Returns what JSON holds.

    Raises:
        ValueError: it is none, or nested too deeply.

    Examples:
        >>> parse_json('{"speaker": "anna"}')
        {'speaker': 'anna'}
    """
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError(_NESTED) from error


def read_yaml(path: Path, *, as_text: bool = False) -> dict[str, Any]:
    """Returns the mapping that a YAML file holds, `{}` where it is empty.

    Args:
        path: of the file.
        as_text: see `parse_yaml`.

    Raises:
        ConfigError: the file cannot be read, is not YAML (with line and column), is not a mapping, or has a key twice.
    """
    path = Path(path)
    if path.exists() and not path.is_file():
        raise ConfigError(f"{path}: is no file")
    try:
        with path.open("rb") as file:
            written = file.read(MAX_YAML_BYTES + 1)
        if len(written) > MAX_YAML_BYTES:
            raise ConfigError(f"{path}: has more than {MAX_YAML_BYTES:,} bytes, too many for a config or a card")
        content = parse_yaml(written.decode(), as_text=as_text)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: is not YAML: {yaml_problem(error)}") from error
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise ConfigError(f"{path}: holds a {type(content).__name__}, where keys with values are expected")
    return content


def write_yaml(path: Path, content: dict[str, Any]) -> None:
    """Writes a mapping as YAML, atomically, in the order of its keys."""
    write_text(path, yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=110))


def csv_line(cells: Iterable[object]) -> str:
    r"""Returns a line of CSV; cells are in quotes where they hold what separates cells, of a German spreadsheet too.

    >>> csv_line(["a;b.wav", 0.5, "joy"])
    '"a;b.wav",0.5,joy\n'
    """
    texts = map(str, cells)
    return ",".join('"' + text.replace('"', '""') + '"' if _QUOTED.search(text) else text for text in texts) + "\n"


def text_cell(text: str) -> str:
    """Returns a word as a cell that no spreadsheet takes for a formula: an apostrophe marks what looks like one.

    >>> text_cell("=1+1"), text_cell("-1"), text_cell("anna")
    ("'=1+1", '-1', 'anna')
    """
    return f"'{text}" if _FORMULA.match(text) and not _NUMBER.fullmatch(text) else text


def cell_text(cell: str) -> str:
    """Returns the word of a cell that `text_cell` made.

    >>> cell_text("'=1+1"), cell_text("-1"), cell_text("'quoted'")
    ('=1+1', '-1', "'quoted'")
    """
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell


def path_cell(path: str | Path) -> str:
    """Returns a path as a cell that no spreadsheet takes for a formula; `./=a.wav` is the same file as `=a.wav`.

    >>> path_cell("=a.wav"), path_cell("b.wav")
    ('./=a.wav', 'b.wav')
    """
    name = str(path)
    return f"./{name}" if _FORMULA.match(name) else name


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
