"""The `predict` command."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from emoclr.configs.command import make_parser, parse, run_command, typed_words
from emoclr.configs.console import say

EXAMPLES = """  predict --from checkpoints/my-emotions recording.mp3 --out predictions.csv
  predict --from checkpoints/my-emotions recordings/ --out timeline.csv --timeline
  predict --from checkpoints/my-emotions/resnet10t a.wav b.ogg --out predictions.jsonl --format jsonl"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs `predict` and returns its exit code."""
    parser = make_parser("predict", "Say which emotions recordings carry, and when.", EXAMPLES)
    parser.add_argument(
        "--from", dest="source", required=True, type=Path, metavar="RUN", help="folder of finetune, or of one backbone"
    )
    parser.add_argument("recordings", nargs="+", type=Path, metavar="FILE_OR_DIR", help="recordings of any length")
    parser.add_argument("--out", required=True, type=Path, metavar="FILE", help="the table to write")
    parser.add_argument("--timeline", action="store_true", help="one row a window in place of one row a file")
    parser.add_argument("--format", choices=("csv", "jsonl"), default="csv", help="default: %(default)s")
    return run_command(_predict, parse(parser, typed_words(arguments)))


def _predict(arguments: argparse.Namespace) -> int:
    from emoclr.configs.messages import count_of
    from emoclr.corpus.audio.file_kinds import check_recordings
    from emoclr.finetune.model.folders import find_card

    find_card(arguments.source)
    check_recordings(*arguments.recordings)
    say(f"reading {arguments.source}")
    from emoclr.finetune.model.checkpoint import load_ensemble
    from emoclr.predict.run import predict
    from emoclr.predict.tables import errors_path, write_predictions
    from emoclr.pretrain.encoder.devices import choose_device

    ensemble, card = load_ensemble(arguments.source)
    for note in card.notes:
        say(f"note: {note}")
    found = predict(ensemble, card, arguments.recordings, timeline=arguments.timeline, device=choose_device())
    write_predictions(found, arguments.out, arguments.format)
    files = count_of(len({answer.path for answer in found.rows}), "recording")
    say(f"{files}, {count_of(len(found.rows), 'row')}: {arguments.out}")
    for emotion in found.emotions:
        count = sum(emotion in answer.emotions for answer in found.rows)
        say(f"  {emotion}: {count}")
    if found.failures:
        say(f"{len(found.failures)} could not be read: {errors_path(arguments.out)}")
    return 0 if found.rows else 1
