"""The options of `predict`."""

import argparse
from pathlib import Path
from typing import Literal

from emoclr.configs.command import add_engine, make_parser, positive

RowKind = Literal["recording", "window", "segment"]
"""What a row is of."""

SEPARATE = "separate"
RELEASED = "emoclr-small-emotions"
"""What answers where no --from is given."""

EXAMPLES = """  predict --from checkpoints/my-emotions recording.mp3
  predict --from checkpoints/my-emotions recordings/ --out predictions.csv
  predict --from checkpoints/my-emotions recordings/ --out segments.csv --segments
  predict --from checkpoints/my-emotions recordings/ --out timeline.parquet --timeline --hop 0.5
  predict --from checkpoints/my-emotions interview.mp3 --out interview.TextGrid --page interview.html
  predict --from checkpoints/my-emotions recordings/ --out labels --format audacity
  predict --from checkpoints/my-emotions recordings/ --out predictions.csv --engine ray --ray-address HOST:6379
  predict --from checkpoints/my-emotions calls.csv --speaker caller --out predictions.csv
  predict --from checkpoints/my-emotions/resnet10t a.wav b.ogg --out - --format jsonl | jq .emotions
  arecord -f S16_LE -r 16000 | predict --from checkpoints/my-emotions -"""


def add_source(parser: argparse.ArgumentParser) -> None:
    """Adds `--from`, the ensemble that answers."""
    parser.add_argument(
        "--from",
        dest="source",
        type=Path,
        metavar="RUN",
        help=f"folder of finetune or of one backbone, a released model, or hf:OWNER/NAME; without, {RELEASED}",
    )


def make_options() -> argparse.ArgumentParser:
    """Returns the parser of `predict`."""
    parser = make_parser("predict", "Say which emotions recordings carry, and when.", EXAMPLES)
    add_source(parser)
    parser.add_argument(
        "recordings",
        nargs="+",
        type=Path,
        metavar="FILE_OR_DIR",
        help="recordings of any length, or - for standard input, whose rows come as its windows end",
    )
    parser.add_argument(
        "--out",
        metavar="FILE",
        help="what to write: a table (.csv, .jsonl, .parquet), segments as annotations (.rttm; of one recording "
        ".TextGrid, .vtt, and .txt for Audacity), a folder of these for several, or - for standard output",
    )
    parser.add_argument(
        "--embeddings",
        metavar="FILE",
        help="write embeddings in place of emotions: .parquet, .npz, or .npy with an index; --from may be an encoder",
    )
    rows = parser.add_mutually_exclusive_group()
    rows.add_argument("--timeline", action="store_true", help="one row a window in place of one row a file")
    rows.add_argument("--segments", action="store_true", help="one row a segment: an emotion from when to when")
    parser.add_argument("--window", type=float, metavar="S", help="length of a window, s (default: that of training)")
    parser.add_argument(
        "--hop", type=float, metavar="S", help="s from one window to the next (default: as in training)"
    )
    parser.add_argument(
        "--gate",
        choices=("voice", "none"),
        default="voice",
        help="voice: nothing is named where nobody speaks, laughs, cries or shouts; none: all is heard, for music and "
        "other sounds (default: %(default)s)",
    )
    parser.add_argument(
        "--speaker",
        metavar="COLUMN",
        help="hear each recording against the others of its speaker: the column of a table of recordings that names "
        "them, or the word folder, where the recordings of a folder are of one speaker",
    )
    parser.add_argument(
        "--rate",
        type=positive,
        metavar="HZ",
        help="standard input is raw 16-bit samples (s16le) of this rate, and no container",
    )
    parser.add_argument(
        "--channels",
        type=lambda word: word if word == SEPARATE else positive(word),
        metavar=f"{SEPARATE}|N",
        help=f"{SEPARATE}: each channel of a recording is heard alone, as of a call with one on each side; a number: "
        "those of raw samples (default: 1)",
    )
    parser.add_argument(
        "--format",
        choices=("csv", "jsonl", "textgrid", "vtt", "audacity"),
        help="of standard output (csv, which is the default, or jsonl), or of the files in the folder --out",
    )
    parser.add_argument(
        "--page",
        type=Path,
        metavar="FILE",
        help="the page to write, .html: each recording to hear and to see, with a lane for each emotion",
    )
    parser.add_argument(
        "--page-audio",
        choices=("link", "embed", "none"),
        help="link: the page plays the recordings where they lie; embed: it holds them, as mp3 of 18 MB an hour, which "
        "take 24 MB there; none: it has no sound (default: link)",
    )
    add_engine(parser)
    return parser
