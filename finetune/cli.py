"""The `finetune` command."""

import argparse
import shlex
from collections.abc import Sequence
from pathlib import Path

from emoclr.configs.command import (
    add_columns,
    add_settings,
    column_overrides,
    make_parser,
    parse,
    run_command,
    typed_words,
    with_flags,
)
from emoclr.configs.console import say

EXAMPLES = """  finetune --from checkpoints/my-run --data labels.csv --out checkpoints/my-emotions
  finetune --from checkpoints/my-run --data labels.csv --out checkpoints/head freeze=backbone
  finetune --from checkpoints/my-run --data labels.csv --out checkpoints/more --unlabeled recordings
  finetune --from checkpoints/my-run --data labels.csv --out checkpoints/across --test other-corpus/labels.csv
  finetune --from checkpoints/my-run --data labels.csv --out checkpoints/few --fractions 0.01,0.05,0.1,0.25,1
  finetune --data labels.csv --out checkpoints/scratch backbones=[resnet10t]
  finetune --from checkpoints/my-run --data labels.csv --out checkpoints/my-emotions --resume"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs `finetune` and returns its exit code."""
    words = typed_words(arguments)
    parser = make_parser("finetune", "Fine-tune pretrained encoders into an ensemble of emotion models.", EXAMPLES)
    parser.add_argument(
        "--from",
        dest="sources",
        type=Path,
        action="append",
        default=[],
        metavar="RUN",
        help="run or backbone folder of pretrain, a released model, or hf:OWNER/NAME; may be given several times, or "
        "not at all with backbones=[...]",
    )
    parser.add_argument("--data", required=True, type=Path, metavar="CSV", help="labels.csv")
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="where models and report go")
    parser.add_argument(
        "--test", type=Path, metavar="CSV", help="labels.csv of another corpus to score the ensemble on"
    )
    parser.add_argument(
        "--unlabeled",
        metavar="DIR[,DIR...]",
        help="recordings without labels for a second round, with what the ensemble is sure of as labels",
    )
    parser.add_argument(
        "--fractions",
        metavar="PART[,PART...]",
        help="train once more with parts of the labels, such as 0.01,0.1,1, and from scratch, to see how many it takes",
    )
    parser.add_argument("--stress", action="store_true", help="score once more under noise, a telephone, mp3 and more")
    parser.add_argument("--resume", action="store_true", help="go on with the run in --out")
    add_columns(parser)
    add_settings(parser, "finetune.yaml")
    parsed = parse(parser, words)
    parsed.command = shlex.join(["finetune", *words])
    return run_command(_finetune, parsed)


def _finetune(arguments: argparse.Namespace) -> None:
    from emoclr.configs.settings import load_settings
    from emoclr.corpus.parallel.locks import lock_folder
    from emoclr.finetune.checks import check_run
    from emoclr.finetune.settings import FinetuneSettings

    flags = {
        "unlabeled": arguments.unlabeled,
        "fractions": arguments.fractions,
        "stress": "true" if arguments.stress else None,
    }
    overrides = [*with_flags(arguments.overrides, flags), *column_overrides(arguments.columns, "columns.")]
    settings = load_settings(FinetuneSettings, arguments.config, overrides)
    for warning in settings.augment.unsafe:
        say(f"warning: unsafe augmentation: {warning}")
    check_run(arguments.sources, arguments.data, arguments.out, settings, resume=arguments.resume, test=arguments.test)
    say(f"reading {', '.join(map(str, [*arguments.sources, arguments.data]))}")
    from emoclr.corpus.decoded.first_look import check_labels

    emotions = None if settings.freeze == "all" else settings.emotions  # finished models say which they name
    check_labels(arguments.data, emotions, settings.columns.given)
    check_labels(arguments.test, columns=settings.columns.given, lenient=True)
    with lock_folder(arguments.out):
        from emoclr.evaluate.report.compare import print_results, print_verdict
        from emoclr.finetune.run import REPORT, finetune

        report = finetune(
            arguments.sources,
            arguments.data,
            arguments.out,
            settings,
            arguments.command,
            resume=arguments.resume,
            test=arguments.test,
        )
    print_results(report)
    say(f"ensemble: {arguments.out / 'ensemble.yaml'}")
    say(f"report: {arguments.out / REPORT / 'report.html'}")
    print_verdict(report)
