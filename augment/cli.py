"""The `augment` command: see what the encoder will see."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from emoclr.configs.command import (
    add_debug,
    add_settings,
    make_parser,
    parse_group,
    run_command,
    typed_words,
)
from emoclr.configs.console import say

EXAMPLES = """  augment preview clip.wav
  augment preview clip.mp3 --config simclr-small.yaml --views 4 --out views.png
  augment preview clip.wav augment.positives=same_segment"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs `augment` and returns its exit code."""
    parser = make_parser("augment", "Look at the safe augmentations of pretraining.", EXAMPLES)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    preview = commands.add_parser("preview", help="draw a clip's three channels and its augmented views")
    preview.add_argument("file", type=Path, help="a recording")
    preview.add_argument("--out", type=Path, help="the PNG to write (default: FILE's name + -views.png, here)")
    preview.add_argument("--views", type=int, default=2, help="views to draw (default: %(default)s)")
    preview.add_argument("--seed", type=int, default=0, help="of the views (default: %(default)s)")
    add_settings(preview, "simclr.yaml")
    add_debug(preview)
    return run_command(_preview, parse_group(parser, commands, typed_words(arguments)))


def _preview(arguments: argparse.Namespace) -> None:
    from emoclr.augment.settings import load_view_settings
    from emoclr.configs.errors import ConfigError
    from emoclr.corpus.audio.file_kinds import check_recording

    if not 1 <= arguments.views <= 12:
        raise ConfigError(f"--views {arguments.views}: between 1 and 12 can be drawn")
    check_recording(arguments.file)
    settings = load_view_settings(arguments.config, arguments.overrides)
    say(f"reading {arguments.file}")
    from emoclr.augment.preview import draw_preview
    from emoclr.augment.waveform import check_transforms
    from emoclr.corpus.audio.decoder import read_waveform
    from emoclr.corpus.audio.samples import SILENT_PEAK_DB, is_silent

    rate = settings.spectrogram.sample_rate
    check_transforms(settings.augment.transforms, rate, round(settings.crop_s * rate))
    waveform = read_waveform(arguments.file)
    if is_silent(abs(waveform).max()):
        say(f"silent, no sample above {SILENT_PEAK_DB:g} dBFS")
    out = arguments.out or Path(f"{arguments.file.stem}-views.png")
    draw_preview(
        waveform,
        arguments.file.name,
        out,
        settings.augment,
        settings.spectrogram,
        crop_s=settings.crop_s,
        views=arguments.views,
        seed=arguments.seed,
    )
    for warning in settings.augment.unsafe:
        say(f"warning: unsafe augmentation: {warning}")
    say(f"wrote {out}")
