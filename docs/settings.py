"""Writes the tables of settings and options in the pages of the documentation from the code that they describe.

`python docs/settings.py --write` brings the tables up to date; without `--write` it lists the pages that are not.
"""

import argparse
import importlib
import re
import sys
import types
import typing
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import yaml
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from emoclr.augment.settings import AugmentSettings, SpectrogramSettings, TransformSettings
from emoclr.checkpoints.cards.settings import ReleaseSettings
from emoclr.corpus.labels.tables.column_settings import ColumnSettings
from emoclr.finetune.settings import FinetuneSettings
from emoclr.pretrain.settings import PretrainSettings
from emoclr.probe.settings import ProbeSettings

FOLDER = Path(__file__).parent
PAGES = [*sorted(FOLDER.glob("*.md")), FOLDER.parent / "checkpoints/README.md"]
MARKED = re.compile(r"(<!-- (settings|options) (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
MODELS: dict[str, type[BaseModel]] = {
    "pretrain": PretrainSettings,
    "spectrogram": SpectrogramSettings,
    "augment": AugmentSettings,
    "transforms": TransformSettings,
    "columns": ColumnSettings,
    "probe": ProbeSettings,
    "finetune": FinetuneSettings,
    "release": ReleaseSettings,
}
APART = {"spectrogram", "augment", "columns"}
"""Settings with a table of their own, which those of commands name in one row."""
OF_OTHERS = {"serve": "emoclr.predict.serve.cli"}
"""Commands of another command, whose options have a table of their own."""
UNIONS = (types.UnionType, typing.Union)
SIGNS = {"gt": ">", "ge": "≥", "lt": "<", "le": "≤"}
PLAIN = {int: "whole number", float: "number", bool: "`true`, `false`", str: "text", Path: "path", type(None): "`null`"}


class _Built(Exception):
    """A parser, on its way out of the command that made it."""


def settings_table(name: str) -> str:
    """Returns the table of the settings of a command, or of a part of them."""
    rows = [["key", "type", "default", "meaning"]]
    rows += [
        [f"`{key}`", type_of(field), default_of(field), cell(field.description or "")]
        for key, field in fields_of(MODELS[name])
    ]
    return table(rows)


def fields_of(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, FieldInfo]]:
    """Yields the fields of a model by their dotted keys."""
    for name, field in model.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel) and name not in APART:
            yield from fields_of(inner, f"{prefix}{name}.")
        else:
            yield prefix + name, field


def type_of(field: FieldInfo) -> str:
    """Returns what a value may be, with its bounds."""
    members = typing.get_args(field.annotation) if typing.get_origin(field.annotation) in UNIONS else ()
    annotated = [info for member in members for info in getattr(member, "__metadata__", ())]
    bounds = [
        f"{sign} {getattr(limit, name):g}"
        for limit in [*field.metadata, *(limit for info in annotated for limit in getattr(info, "metadata", ()))]
        for name, sign in SIGNS.items()
        if hasattr(limit, name)
    ]
    named = _type(field.annotation)
    return ", ".join([f"{named}, or `null`" if field.validate_default is False else named, *bounds])


def _type(annotation: object) -> str:
    origin, inside = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return _type(inside[0])
    if origin is typing.Literal:
        return ", ".join(f"`{value}`" for value in inside)
    if origin in UNIONS:
        return ", or ".join(dict.fromkeys(_type(each) for each in inside))
    if origin is not None:
        return f"list of {_type(inside[0])}"
    return PLAIN.get(annotation, "settings")  # type: ignore[call-overload,no-any-return]


def default_of(field: FieldInfo) -> str:
    """Returns the default as YAML writes it."""
    if field.default is PydanticUndefined:
        return "required"
    if isinstance(field.default, BaseModel):
        return "see below"
    if field.validate_default is False:  # the default only stands for null, which another setting fills in
        return "`null`"
    value = list(field.default) if isinstance(field.default, tuple) else field.default
    if isinstance(value, float):
        return f"`{value:g}`"
    return f"`{yaml.safe_dump(value, default_flow_style=True).splitlines()[0]}`"


def options_table(command: str) -> str:
    """Returns the table of the options and arguments of a command and its sub-commands."""
    rows = []
    for parser in parsers_of(command):
        words = parser.prog.split()[1:]
        for action in parser._actions:
            if action.dest in ("help", "overrides", "debug") or isinstance(action, argparse._SubParsersAction):
                continue
            rows.append([*([f"`{' '.join(words)}`"] if len(command_words(command)) else []), *_option(action)])
    head = ["option", "value", "default", "meaning"]
    return table([["command", *head] if command_words(command) else head, *rows])


def command_words(command: str) -> list[str]:
    """Returns the sub-commands that a command has; none where the command itself does the work."""
    if command in OF_OTHERS:
        return []
    first = next(iter(parsers_of(command)))
    return first.prog.split()[1:]


def parsers_of(command: str) -> list[argparse.ArgumentParser]:
    """Returns the parsers of a command's sub-commands, or its own where it has none."""

    def capture(parser: argparse.ArgumentParser, *words: object) -> None:
        raise _Built(parser)

    if command in OF_OTHERS:
        return [importlib.import_module(OF_OTHERS[command]).make_options()]
    module = importlib.import_module(f"emoclr.{command}.cli")
    names = ("parse_args", "parse_intermixed_args")
    with mock.patch.multiple(argparse.ArgumentParser, **dict.fromkeys(names, capture)):
        try:
            module.main([])
        except _Built as built:
            (parser,) = built.args
    groups = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    return [each for group in groups for each in group.choices.values()] or [parser]


def _option(action: argparse.Action) -> list[str]:
    name = f"`{action.option_strings[-1]}`" if action.option_strings else f"`{action.metavar or action.dest}`"
    if action.choices:
        value = ", ".join(f"`{choice}`" for choice in action.choices)
    else:
        value = "" if action.nargs == 0 or not action.option_strings else f"`{action.metavar or action.dest.upper()}`"
    required = action.required if action.option_strings else action.nargs not in ("?", "*")
    default = (
        "required"
        if required
        else ""
        if action.default is None or action.default is False or action.default in ([], "")
        else f"`{action.default}`"
    )
    text = re.sub(r";? ?\(?(?:default:? )?%\(default\)s\)?", "", action.help or "").replace("%%", "%")
    return [name, value, default, cell(text)]


def cell(text: str) -> str:
    """Returns a text as a cell of a table."""
    return text.replace("|", "\\|")


def table(rows: list[list[str]]) -> str:
    """Returns rows, the head first, as a Markdown table."""
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([lines[0], f"|{' --- |' * len(rows[0])}", *lines[1:]]) + "\n"


def with_tables(page: str) -> str:
    """Returns a page whose marked tables are those of the code."""
    made = {"settings": settings_table, "options": options_table}
    return MARKED.sub(lambda found: found[1] + made[found[2]](found[3]) + found[4], page)


def main() -> int:
    """Writes or checks all pages; returns 1 where one is out of date."""
    stale = {path: new for path in PAGES if (new := with_tables(old := path.read_text())) != old}
    for path, text in stale.items():
        print(path)
        if "--write" in sys.argv:
            path.write_text(text)
    return int(bool(stale) and "--write" not in sys.argv)


if __name__ == "__main__":
    sys.exit(main())
