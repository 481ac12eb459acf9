"""The `pretrain` command."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

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
from emoclr.configs.messages import count_of

if TYPE_CHECKING:
    from emoclr.pretrain.report.run_state import RunState

EXAMPLES = """  pretrain --config simclr.yaml --data recordings --out checkpoints/my-run
  pretrain --config simclr.yaml --data recordings,labels.csv --out checkpoints/my-run --resume
  pretrain --config simclr-small.yaml --data recordings --out checkpoints/quick backbones=[resnet10t] epochs=5
  pretrain --status checkpoints/my-run"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs `pretrain` and returns its exit code."""
    parser = make_parser("pretrain", "Pretrain CNN encoders on unlabeled audio by contrast.", EXAMPLES)
    parser.add_argument(
        "--data", metavar="X[,X...]", help="folders, files, indexes, CSVs with a path column, or tars; as data=X[,X...]"
    )
    parser.add_argument("--out", metavar="DIR", help="run folder; as out=DIR")
    parser.add_argument("--resume", action="store_true", help="continue the run in --out")
    parser.add_argument(
        "--allow-change", default="", metavar="KEY[,KEY]", help="settings that may differ from the run to resume"
    )
    parser.add_argument("--status", type=Path, metavar="RUN", help="tell how a run is, and write its report.html")
    add_columns(parser)
    add_settings(parser, "simclr.yaml")
    parsed = parse(parser, typed_words(arguments))
    if parsed.allow_change and not parsed.resume:
        parser.error("--allow-change says what may differ from a run to --resume")
    if parsed.status and (parsed.resume or parsed.overrides or parsed.data or parsed.out):
        parser.error("--status takes a run folder, and neither settings nor --resume")
    return run_command(_status if parsed.status else _pretrain, parsed)


def _pretrain(arguments: argparse.Namespace) -> None:
    from emoclr.configs.errors import ConfigError, EmoclrError
    from emoclr.configs.settings import load_settings
    from emoclr.corpus.parallel.locks import lock_folder
    from emoclr.pretrain.checks import check_run, check_tables
    from emoclr.pretrain.settings import PretrainSettings

    flags = {"data": arguments.data, "out": arguments.out}
    overrides = [*with_flags(arguments.overrides, flags), *column_overrides(arguments.columns, "columns.")]
    settings = load_settings(PretrainSettings, arguments.config, overrides)
    check_run(settings, resume=arguments.resume)
    for warning in settings.augment.unsafe:
        say(f"warning: unsafe augmentation: {warning}")
    say(f"reading {', '.join(map(str, settings.data))}")
    check_tables(settings)
    with lock_folder(settings.out):
        from emoclr.pretrain.report.report import print_verdict
        from emoclr.pretrain.run import pretrain

        try:
            allowed = [key.strip() for key in arguments.allow_change.split(",") if key.strip()]
            folders = pretrain(settings, resume=arguments.resume, allow_change=allowed)
        except ConfigError:
            raise
        except EmoclrError:
            _write_report(settings.out)
            raise
        run = _write_report(settings.out)
    say(f"{count_of(len(folders), 'encoder')} in {settings.out}")
    if run is not None:
        print_verdict(run)


def _write_report(out: Path) -> "RunState | None":
    """Writes a run's report and returns the run; without it, the run has ended as it has."""
    from emoclr.configs.errors import EmoclrError
    from emoclr.pretrain.encoder.folders import RUN
    from emoclr.pretrain.report.report import write_report
    from emoclr.pretrain.report.run_state import read_run
    from emoclr.pretrain.training.trainer import is_first_rank

    if not is_first_rank() or not (out / RUN).is_file():
        return None
    try:
        run = read_run(out)
        write_report(run)
    except EmoclrError as error:
        say(f"warning: no report was written: {error}")
        return None
    return run


def _status(arguments: argparse.Namespace) -> None:
    from emoclr.pretrain.encoder.folders import check_run_folder

    check_run_folder(arguments.status)
    from emoclr.pretrain.report.report import print_status, write_report
    from emoclr.pretrain.report.run_state import read_run

    run = read_run(arguments.status)
    path = write_report(run)
    print_status(run)
    say(f"wrote {path}")
