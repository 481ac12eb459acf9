"""The `checkpoints` command."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from emoclr.configs.command import add_debug, make_parser, parse_group, run_command, typed_words
from emoclr.configs.console import say, show

EXAMPLES = """  checkpoints release checkpoints/my-run --config card.yaml --report reports/probe --out my-encoders
  checkpoints release checkpoints/my-emotions --config card.yaml --out my-model
  checkpoints push my-model hf:me/my-model"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs `checkpoints` and returns its exit code."""
    parser = make_parser("checkpoints", "Release what was trained, with a card, and put it on the hub.", EXAMPLES)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    release = commands.add_parser(
        "release", help="write a run into a folder to be given away: half as large, with cards"
    )
    release.add_argument(
        "runs", nargs="+", type=Path, metavar="RUN", help="run or backbone folders of pretrain, or one run of finetune"
    )
    release.add_argument("--config", required=True, metavar="YAML", help="what the card says: data, licences, limits")
    release.add_argument("--out", required=True, type=Path, metavar="DIR", help="the folder; its name is the release's")
    release.add_argument(
        "--report",
        dest="reports",
        type=Path,
        action="append",
        default=[],
        metavar="REPORT",
        help="folder of probe or finetune whose numbers the card has; may be given several times. That of the released "
        "run of finetune is taken by itself",
    )
    release.set_defaults(work=_release)

    push = commands.add_parser("push", help="put a released folder on the Hugging Face hub, for --from hf:OWNER/NAME")
    push.add_argument("folder", type=Path, metavar="FOLDER", help="folder of `checkpoints release`")
    push.add_argument("address", metavar="hf:OWNER/NAME", help="the repository; it is made where there is none")
    push.set_defaults(work=_push)

    for command in (release, push):
        add_debug(command)
    parsed = parse_group(parser, commands, typed_words(arguments))
    return run_command(parsed.work, parsed)


def _release(arguments: argparse.Namespace) -> None:
    from emoclr.configs.settings import load_settings
    from emoclr.pretrain.encoder.folders import find_run

    for run in arguments.runs:
        find_run(run)
    say(f"reading {', '.join(map(str, arguments.runs))}")
    from emoclr.checkpoints.cards.settings import ReleaseSettings
    from emoclr.checkpoints.run import release

    settings = load_settings(ReleaseSettings, arguments.config, [])
    card = release(arguments.runs, arguments.out, settings, arguments.reports)
    for name, network in card.networks.items():
        say(f"  {name}: {network.bytes / 1e6:.1f} MB, embeddings differ by {network.difference:.2g} of their length")
    if not card.reports:
        say("note: the card has no numbers; --report REPORT takes those of a probe or finetune")
    show(f"{arguments.out}: {card.megabytes:.1f} MB")


def _push(arguments: argparse.Namespace) -> None:
    from emoclr.checkpoints.hub import push

    show(push(arguments.folder, arguments.address))
