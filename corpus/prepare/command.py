"""`corpus prepare`: parses, calls, prints."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from emoclr.configs.console import say, show
from emoclr.configs.errors import ConfigError
from emoclr.configs.messages import count_of
from emoclr.corpus.audio.file_kinds import check_folder
from emoclr.corpus.prepare.registry import RECIPES, listing

if TYPE_CHECKING:
    from emoclr.corpus.labels.label_table import LabelTable


def add_prepare(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> argparse.ArgumentParser:
    """Adds the command to a parser's and returns its own parser."""
    parser = commands.add_parser(
        "prepare",
        help="turn a published corpus into labels",
        description="A published corpus to labels.csv. Without a name: lists the corpora.",
        epilog=listing(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "name", nargs="?", type=_recipe_name, metavar="NAME", choices=list(RECIPES), help="the corpus, as listed below"
    )
    parser.add_argument("folder", nargs="?", type=Path, metavar="DIR", help="where the corpus lies, in any layout")
    parser.add_argument("--labels", metavar="SET", help="one of the sets listed below; default the first")
    parser.add_argument("--folds", metavar="NAME", help="published folds instead of the split, as listed below")
    parser.add_argument("--out", type=Path, metavar="CSV", help="where the labels go")
    parser.set_defaults(work=_prepare, bare=True)
    return parser


def _recipe_name(name: str) -> str:
    """Returns the name of a recipe as files have it: corpora are written CREMA-D or RAVDESS."""
    return name.lower().replace("-", "_").replace(" ", "_")


def _prepare(arguments: argparse.Namespace) -> None:
    if arguments.name is None:
        for line in listing().splitlines():
            show(line)
        return
    if arguments.folder is None or arguments.out is None:
        raise ConfigError(f"corpus prepare {arguments.name}: needs the corpus's folder and --out labels.csv")
    check_folder(arguments.folder)
    from emoclr.corpus.labels.labels_csv import read_labels, write_labels

    recipe = RECIPES[arguments.name]
    prepared = recipe.prepare(arguments.folder, arguments.labels, arguments.folds)
    write_labels(arguments.out, prepared.table)
    for note in prepared.notes:
        say(note)
    table = read_labels(arguments.out)
    say(f"licence: {recipe.licence}; cite {recipe.citation}")
    say(f"wrote {arguments.out}: {len(table):,} clips ({_division(table)}), {len(table.emotions)} emotions")


def _division(table: "LabelTable") -> str:
    """Returns how the clips are divided, or that folds have to."""
    from emoclr.corpus.labels.label_table import SPLITS

    if table.splits is not None:
        return ", ".join(f"{len(table.rows_of(split)):,} {split}" for split in SPLITS)
    if table.folds is not None:
        return count_of(len(set(table.folds)), "fold")
    voices = "no speakers" if table.speakers is None else f"{len(set(table.speakers)):,} speakers"
    return f"{voices}, no split: folds divide them"
