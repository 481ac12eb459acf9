"""The `probe` command."""

import argparse
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from emoclr.configs.console import make_parser, run_command, say

EXAMPLES = """  probe --from checkpoints/my-run --data labels.csv --out reports/probe
  probe --from checkpoints/my-run/resnet10t --data labels.csv --out reports/folds folds=5
  probe --from checkpoints/my-run --data labels.csv --out reports/labels --fractions 0.01,0.05,0.1,0.25,1
  probe --from checkpoints/my-run --data acted.csv --test spoken.csv --out reports/across
  probe compare reports/probe reports/folds checkpoints/my-emotions"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs `probe` and returns its exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words[:1] == ["compare"]:
        parser = make_parser("probe compare", "Print the headlines of several reports side by side.", EXAMPLES)
        parser.add_argument("folders", nargs="+", type=Path, metavar="REPORT", help="folder of probe or finetune")
        return run_command(_compare, parser.parse_args(words[1:]))
    parser = make_parser(
        "probe",
        "Fit linear probes to frozen encoders, with baselines and intervals. `probe compare FOLDER ...` prints the "
        "headlines of reports side by side.",
        EXAMPLES,
    )
    parser.add_argument("--from", dest="source", required=True, type=Path, metavar="RUN", help="run or backbone folder")
    parser.add_argument("--data", required=True, type=Path, metavar="CSV", help="labels.csv")
    parser.add_argument("--test", type=Path, metavar="CSV", help="another corpus to score on; --data is fitted to")
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="where the report goes")
    parser.add_argument("--config", default="probe.yaml", help="YAML file or shipped config (default: %(default)s)")
    parser.add_argument("--fractions", metavar="F[,F...]", help="fit to parts of the labels too, such as 0.01,0.1,1")
    parser.add_argument("--stress", action="store_true", help="score once more under noise, a telephone, mp3 and more")
    parser.add_argument("overrides", nargs="*", metavar="key=value", help="settings of the config to change")
    parsed = parser.parse_intermixed_args(words)
    parsed.command = shlex.join(["probe", *words])
    return run_command(_probe, parsed)


def _probe(arguments: argparse.Namespace) -> None:
    from emoclr.configs.settings import load_settings
    from emoclr.probe.settings import ProbeSettings

    overrides = [*arguments.overrides, *(["stress=true"] if arguments.stress else [])]
    if arguments.fractions is not None:
        overrides.append(f"fractions={arguments.fractions}")
    settings = load_settings(ProbeSettings, arguments.config, overrides)
    from emoclr.evaluate.report.compare import print_results
    from emoclr.probe.run import probe

    report = probe(arguments.source, arguments.data, arguments.out, settings, arguments.command, arguments.test)
    print_results(report)
    say(f"report: {arguments.out / 'report.html'}")


def _compare(arguments: argparse.Namespace) -> None:
    from emoclr.evaluate.report.compare import print_comparison

    print_comparison(arguments.folders)


if __name__ == "__main__":
    sys.exit(main())
