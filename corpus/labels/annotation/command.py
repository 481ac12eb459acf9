"""`corpus pick` and `corpus label`: parse, call, print."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from emoclr.configs.command import add_columns, column_overrides, positive
from emoclr.configs.console import say
from emoclr.corpus.audio.file_kinds import check_table

if TYPE_CHECKING:
    from emoclr.corpus.labels.tables.column_names import Given


def add_pick(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> argparse.ArgumentParser:
    """Adds the command to a parser's and returns its own parser."""
    pick = commands.add_parser("pick", help="draw the clips that should be labelled first, speakers in turn")
    pick.add_argument("table", type=Path, metavar="CSV", help="clips, such as those of `corpus segment`")
    pick.add_argument("--n", required=True, type=positive, metavar="N", help="how many")
    pick.add_argument("--labels", type=Path, metavar="LABELS", help="labels.csv of clips that are not picked again")
    pick.add_argument("--out", required=True, type=Path, metavar="CSV", help="where they go, in the order of picking")
    add_columns(pick)
    pick.set_defaults(work=_pick)
    return pick


def add_label(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> argparse.ArgumentParser:
    """Adds the command to a parser's and returns its own parser."""
    label = commands.add_parser(
        "label", help="hear clips on a page of this machine and write what is heard as labels.csv"
    )
    label.add_argument("table", type=Path, metavar="CSV", help="clips: path, and start_s and end_s of parts")
    where = label.add_mutually_exclusive_group(required=True)
    where.add_argument(
        "--out",
        type=Path,
        metavar="LABELS",
        help="labels.csv, which holds each answer at once; one that is there goes on",
    )
    where.add_argument(
        "--page",
        type=Path,
        metavar="HTML",
        help="write the page with its sound as one file instead, for others to label",
    )
    label.add_argument(
        "--emotions",
        type=_names,
        metavar="NAME[,NAME...]",
        help="what to listen for; without, those of --out, or six basic emotions and neutral",
    )
    label.add_argument(
        "--port", type=int, default=0, help="of the page, on this machine alone; without, one that is free"
    )
    add_columns(label)
    label.set_defaults(work=_label)
    return label


def columns_of(arguments: argparse.Namespace) -> "Given":
    """Returns the columns that `--columns` gives, by their meaning."""
    from emoclr.configs.settings import load_settings
    from emoclr.corpus.labels.tables.column_settings import ColumnSettings

    return load_settings(ColumnSettings, None, column_overrides(arguments.columns)).given


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",")]


def _pick(arguments: argparse.Namespace) -> None:
    check_table(arguments.table, arguments.labels)
    from emoclr.corpus.labels.annotation.pick import pick

    pick(arguments.table, arguments.out, arguments.n, arguments.labels, columns=columns_of(arguments))
    say(f"wrote {arguments.out}")


def _label(arguments: argparse.Namespace) -> None:
    check_table(arguments.table)
    from emoclr.corpus.labels.annotation.run import label_by_ear, write_label_page

    if arguments.page is not None:
        write_label_page(arguments.table, arguments.page, arguments.emotions, columns_of(arguments))
    else:
        label_by_ear(arguments.table, arguments.out, arguments.emotions, arguments.port, columns_of(arguments))
