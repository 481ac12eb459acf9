"""The `probe` command."""

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
    positive,
    run_command,
    typed_words,
    with_flags,
)
from emoclr.configs.console import say
from emoclr.configs.errors import ConfigError

EXAMPLES = """  probe --from checkpoints/my-run --data labels.csv --out reports/probe
  probe --from checkpoints/my-run/resnet10t --data labels.csv --out reports/folds folds=5
  probe --from checkpoints/my-run --data labels.csv --out reports/labels --fractions 0.01,0.05,0.1,0.25,1
  probe --from 'checkpoints/fold-{fold}' --data crema_d.csv --out reports/emo-superb
  probe --from checkpoints/my-run --data acted.csv --test spoken.csv --out reports/across
  probe compare reports/probe reports/folds checkpoints/my-emotions --out reports/compared.html
  probe pick --from checkpoints/my-run --data segments.csv --n 100 --out picked.csv"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs `probe` and returns its exit code."""
    words = typed_words(arguments)
    if words[:1] == ["compare"]:
        return run_command(_compare, parse(_compare_parser(), words[1:]))
    if words[:1] == ["pick"]:
        return run_command(_pick, parse(_pick_parser(), words[1:]))
    parser = make_parser(
        "probe",
        "Fit linear probes to frozen encoders, with baselines and intervals. `probe compare FOLDER ...` prints the "
        "headlines of reports side by side; `probe pick` says which clips to label first.",
        EXAMPLES,
    )
    parser.add_argument(
        "--from",
        dest="source",
        required=True,
        type=Path,
        metavar="RUN",
        help="run or backbone folder, a released model, or hf:OWNER/NAME; {fold} in it stands for the folds of the "
        "labels, with an encoder for each",
    )
    parser.add_argument("--data", required=True, type=Path, metavar="CSV", help="labels.csv")
    parser.add_argument("--test", type=Path, metavar="CSV", help="another corpus to score on; --data is fitted to")
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="where the report goes")
    parser.add_argument("--fractions", metavar="F[,F...]", help="fit to parts of the labels too, such as 0.01,0.1,1")
    parser.add_argument("--stress", action="store_true", help="score once more under noise, a telephone, mp3 and more")
    add_columns(parser)
    add_settings(parser, "probe.yaml")
    parsed = parse(parser, words)
    parsed.command = shlex.join(["probe", *words])
    return run_command(_probe, parsed)


def _probe(arguments: argparse.Namespace) -> None:
    from emoclr.configs.settings import load_settings
    from emoclr.corpus.parallel.locks import lock_folder
    from emoclr.probe.checks import check_probe
    from emoclr.probe.settings import ProbeSettings

    flags = {"fractions": arguments.fractions, "stress": "true" if arguments.stress else None}
    overrides = [*with_flags(arguments.overrides, flags), *column_overrides(arguments.columns, "columns.")]
    settings = load_settings(ProbeSettings, arguments.config, overrides)
    check_probe(arguments.source, arguments.data, settings, arguments.test)
    say(f"reading {arguments.source} and {arguments.data}")
    from emoclr.corpus.decoded.first_look import check_labels

    check_labels(arguments.data, settings.emotions, settings.columns.given)
    check_labels(arguments.test, columns=settings.columns.given, lenient=True)
    with lock_folder(arguments.out):
        from emoclr.evaluate.report.compare import print_results, print_verdict
        from emoclr.probe.run import probe

        report = probe(arguments.source, arguments.data, arguments.out, settings, arguments.command, arguments.test)
    print_results(report)
    say(f"report: {arguments.out / 'report.html'}")
    print_verdict(report)


def _pick_parser() -> argparse.ArgumentParser:
    parser = make_parser(
        "probe pick",
        "Pick the clips that should be labelled first: those that lie farthest, in an encoder's embeddings, from all "
        "that have labels.",
        "  probe pick --from checkpoints/my-run --data segments.csv --n 100 --out picked.csv\n"
        "  probe pick --from checkpoints/my-run --data segments.csv --labels labels.csv --n 100 --out more.csv",
    )
    parser.add_argument(
        "--from", dest="source", required=True, type=Path, metavar="RUN", help="run or backbone folder, released model"
    )
    parser.add_argument(
        "--data", required=True, type=Path, metavar="CSV", help="clips, as `corpus segment` writes them"
    )
    parser.add_argument("--n", required=True, type=positive, metavar="N", help="how many")
    parser.add_argument("--labels", type=Path, metavar="CSV", help="labels.csv of clips that are not picked again")
    parser.add_argument("--out", required=True, type=Path, metavar="CSV", help="where they go, in the order of picking")
    add_columns(parser)
    add_settings(parser, "probe.yaml")
    return parser


def _pick(arguments: argparse.Namespace) -> None:
    from emoclr.configs.settings import load_settings
    from emoclr.corpus.audio.file_kinds import check_table
    from emoclr.pretrain.encoder.folders import backbone_folders
    from emoclr.probe.settings import ProbeSettings

    overrides = [*arguments.overrides, *column_overrides(arguments.columns, "columns.")]
    settings = load_settings(ProbeSettings, arguments.config, overrides)
    backbone_folders(arguments.source)
    check_table(arguments.data, arguments.labels)
    say(f"reading {arguments.source} and {arguments.data}")
    from emoclr.corpus.decoded.first_look import check_clips

    check_clips([arguments.data], columns=settings.columns.given)
    from emoclr.probe.pick import pick

    pick(arguments.source, arguments.data, arguments.out, arguments.n, settings, arguments.labels)
    say(f"wrote {arguments.out}")


def _compare_parser() -> argparse.ArgumentParser:
    parser = make_parser(
        "probe compare",
        "Say whether one report's model is better than another's, with the headlines of all side by side.",
        "  probe compare reports/probe checkpoints/my-emotions\n"
        "  probe compare reports/probe checkpoints/my-emotions --out reports/compared.html",
    )
    parser.add_argument("folders", nargs="+", type=Path, metavar="REPORT", help="folder of probe or finetune")
    parser.add_argument("--out", type=Path, metavar="HTML", help="write it as a page, too")
    return parser


def _compare(arguments: argparse.Namespace) -> None:
    out: Path | None = arguments.out
    if out is not None and out.suffix.lower() not in (".html", ".htm"):
        raise ConfigError(f"--out {out}: a page ends in .html; give --out {out.with_suffix('.html')}")
    from emoclr.evaluate.report.compare import print_comparison, print_comparison_verdict
    from emoclr.evaluate.report.comparison import compare_reports

    comparison = compare_reports(arguments.folders)
    print_comparison(comparison)
    if out is not None:
        from emoclr.evaluate.report.writers.comparison_html import write_comparison

        write_comparison(comparison, out)
        say(f"page: {out}")
    print_comparison_verdict(comparison)
