"""The `pretrain` command."""

import argparse
import sys

from configs.console import make_parser, run_command, say

EXAMPLES = """  pretrain --config simclr.yaml data=recordings out=checkpoints/my-run
  pretrain --config simclr.yaml data=recordings,labels.csv out=checkpoints/my-run --resume
  pretrain --config simclr-small.yaml data=recordings out=checkpoints/quick backbones=[resnet10t] epochs=5"""


def main(arguments: list[str] | None = None) -> int:
    """Runs `pretrain` and returns its exit code."""
    parser = make_parser("pretrain", "Pretrain CNN encoders on unlabeled audio by contrast.", EXAMPLES)
    parser.add_argument("--config", default="simclr.yaml", help="YAML file or shipped config (default: %(default)s)")
    parser.add_argument("--resume", action="store_true", help="continue the run in out=")
    parser.add_argument("overrides", nargs="*", metavar="key=value", help="settings of the config to change")
    return run_command(_pretrain, parser.parse_intermixed_args(arguments))


def _pretrain(arguments: argparse.Namespace) -> None:
    from configs.settings import load_settings
    from pretrain.settings import PretrainSettings

    settings = load_settings(PretrainSettings, arguments.config, arguments.overrides)
    for warning in settings.augment.unsafe:
        say(f"warning: unsafe augmentation: {warning}")
    from pretrain.run import pretrain

    folders = pretrain(settings, resume=arguments.resume)
    say(f"{len(folders)} encoder{'s' if len(folders) > 1 else ''} in {settings.out}; next:")
    say(f"  probe --from {settings.out} --data labels.csv --out reports/probe")


if __name__ == "__main__":
    sys.exit(main())
