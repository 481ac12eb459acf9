"""The `predict` command."""

import argparse
import contextlib
import io
import signal
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from emoclr.configs.command import make_parser, parse, run_command, typed_words, uncollected
from emoclr.configs.console import say
from emoclr.configs.errors import ConfigError
from emoclr.configs.messages import count_of, readable
from emoclr.predict.live import STANDARD_OUTPUT, predict_live, standard_input

if TYPE_CHECKING:
    from emoclr.corpus.audio.formats.pipe import Pipe
    from emoclr.finetune.model.checkpoint import EnsembleCard
    from emoclr.finetune.model.emotion_model import Ensemble
    from emoclr.predict.output.tables import LineForm
    from emoclr.predict.remarks import Remark
    from emoclr.predict.run import PredictionRow
    from emoclr.predict.voices import Voices

EXAMPLES = """  predict --from checkpoints/my-emotions recording.mp3
  predict --from checkpoints/my-emotions recordings/ --out predictions.csv
  predict --from checkpoints/my-emotions recordings/ --out timeline.parquet --timeline
  predict --from checkpoints/my-emotions calls.csv --speaker caller --out predictions.csv
  predict --from checkpoints/my-emotions/resnet10t a.wav b.ogg --out - --format jsonl | jq .emotions
  arecord -f S16_LE -r 16000 | predict --from checkpoints/my-emotions -"""

RELEASED = "emoclr-small-emotions"
"""What answers where no --from is given."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs `predict` and returns its exit code."""
    parser = make_parser("predict", "Say which emotions recordings carry, and when.", EXAMPLES)
    parser.add_argument(
        "--from",
        dest="source",
        type=Path,
        metavar="RUN",
        help=f"folder of finetune or of one backbone, a released model, or hf:OWNER/NAME; without, {RELEASED}",
    )
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
        help="the table to write: .csv, .jsonl or .parquet, or - for standard output; none shows it",
    )
    parser.add_argument(
        "--embeddings",
        metavar="FILE",
        help="write embeddings in place of emotions: .parquet, .npz, or .npy with an index; --from may be an encoder",
    )
    parser.add_argument("--timeline", action="store_true", help="one row a window in place of one row a file")
    parser.add_argument(
        "--speaker",
        metavar="COLUMN",
        help="hear each recording against the others of its speaker: the column of a table of recordings that names "
        "them, or the word folder, where the recordings of a folder are of one speaker",
    )
    parser.add_argument(
        "--rate",
        type=_count,
        metavar="HZ",
        help="standard input is raw 16-bit samples (s16le) of this rate, and no container",
    )
    parser.add_argument("--channels", type=_count, metavar="N", help="of raw samples (default: 1)")
    parser.add_argument("--format", choices=("csv", "jsonl"), help="of standard output (default: csv)")
    return run_command(_predict, parse(parser, typed_words(arguments)))


def _count(text: str) -> int:
    """Returns a number from 1 on."""
    found = int(text)
    if found < 1:
        raise ValueError
    return found


def _predict(arguments: argparse.Namespace) -> int:
    from emoclr.corpus.audio.file_kinds import check_recordings
    from emoclr.corpus.decoded.decode_stream import STANDARD_INPUT
    from emoclr.corpus.index.audio_files import find_audio
    from emoclr.finetune.model.folders import find_card
    from emoclr.predict.output.out_path import check_out, form_of

    if arguments.embeddings is not None:
        return _embeddings(arguments)
    named = arguments.source or _released()
    arguments.source = find_card(named).parent
    pipe = standard_input(arguments)
    if arguments.speaker is None and not pipe:
        check_recordings(*arguments.recordings)
    to_file = arguments.out not in (None, STANDARD_OUTPUT)
    if to_file and arguments.format not in (None, form_of(Path(arguments.out))):
        raise ConfigError(
            f"--format {arguments.format}: is of standard output; --out {arguments.out} goes by its ending"
        )
    with _stopped_by_sigterm():
        speakers: list[str] | None = None
        if arguments.speaker is not None:
            from emoclr.predict.voices import find_speakers

            paths, speakers = find_speakers(arguments.recordings, arguments.speaker)
        else:
            paths = [STANDARD_INPUT] if pipe else find_audio(arguments.recordings)
        if to_file:
            check_out(Path(arguments.out), paths)
        say(f"reading {named}")
        with uncollected():
            from emoclr.finetune.model.checkpoint import load_ensemble

            ensemble, card = load_ensemble(arguments.source)
        if card.limits:
            say(f"{named}: {card.limits}")
        for note in card.notes:
            say(f"note: {note}")
        voices = None
        if speakers is not None:
            from emoclr.predict.voices import ONE_MOOD, Voices

            voices = Voices(ensemble, card, paths, speakers)
            say(ONE_MOOD)
        if to_file:
            return _into_file(arguments, paths, ensemble, card, voices)
        return _onto_screen(arguments, paths, ensemble, card, voices, pipe)


def _embeddings(arguments: argparse.Namespace) -> int:
    from emoclr.corpus.audio.file_kinds import check_recordings
    from emoclr.corpus.index.audio_files import find_audio
    from emoclr.predict.output.embedding_file import check_embeddings

    out = Path(arguments.embeddings)
    for name in ("out", "format", "speaker", "rate", "channels"):
        if getattr(arguments, name) is not None:
            raise ConfigError(f"--{name}: does not go with --embeddings, which are written in place of emotions")
    check_recordings(*arguments.recordings)
    check_embeddings(out)
    with _stopped_by_sigterm():
        paths = find_audio(arguments.recordings)
        named = arguments.source or _released()
        say(f"reading {named}")
        with uncollected():
            from emoclr.predict.embeddings import embed_files
        from emoclr.pretrain.encoder.devices import choose_device

        count, remarks = embed_files(named, paths, out, timeline=arguments.timeline, device=choose_device())
    if count:
        say(f"{count_of(count, 'embedding')}: {out}")
    _tell(remarks, paths, out=out)
    return 0 if count else 1


def _released() -> Path:
    """Returns the name of the released ensemble.

    Raises:
        ConfigError: it is not there.
    """
    from emoclr.pretrain.encoder.folders import released_models

    if RELEASED not in released_models() and not Path(RELEASED).is_dir():
        raise ConfigError(
            f"{RELEASED}: did not come with this installation; give --from RUN, the --out folder of a finished "
            "`finetune`, or --from hf:OWNER/NAME"
        )
    return Path(RELEASED)


def _into_file(
    arguments: argparse.Namespace,
    paths: Sequence[Path],
    ensemble: "Ensemble",
    card: "EnsembleCard",
    voices: "Voices | None",
) -> int:
    from emoclr.predict.output.unfinished import UnfinishedTable, work_of
    from emoclr.predict.run import predict_files
    from emoclr.pretrain.encoder.devices import choose_device
    from emoclr.pretrain.resume.signals import Interrupted

    out, timeline, device = Path(arguments.out), arguments.timeline, choose_device()
    speakers = voices.speakers if voices else None
    work = work_of(arguments.source, card, paths, timeline=timeline, device=device, speakers=speakers)
    with UnfinishedTable(out, card.emotions, work, voices) as table:
        if table.rows or table.remarks:
            say(f"going on after {count_of(table.rows, 'row')} in {table.part}")
        try:
            for found in predict_files(ensemble, card, paths, timeline=timeline, device=device, begin=table.place):
                table.add(found)
        except KeyboardInterrupt:
            kept = f"{count_of(table.saved_rows, 'row')} in {table.part}; the same command goes on there"
            raise Interrupted(f"stopped: {kept if table.saved_rows else 'no rows yet'}") from None
        table.finish()
    say(f"{count_of(table.recordings, 'recording')}, {count_of(table.rows, 'row')}: {out}")
    for emotion in card.emotions:
        say(f"  {readable(emotion)}: {table.named[emotion]}")
    _tell(table.remarks, paths, voices, out)
    return 0 if table.rows else 1


def _onto_screen(
    arguments: argparse.Namespace,
    paths: Sequence[Path],
    ensemble: "Ensemble",
    card: "EnsembleCard",
    voices: "Voices | None",
    pipe: "Pipe | None",
) -> int:
    from emoclr.predict.batches import stretch_lines
    from emoclr.predict.output.screen import print_table
    from emoclr.predict.output.tables import as_lines, head
    from emoclr.predict.run import predict_files
    from emoclr.pretrain.encoder.devices import choose_device

    as_text = arguments.out == STANDARD_OUTPUT or arguments.format is not None or pipe is not None
    form: LineForm = arguments.format or "csv"
    rows: list[PredictionRow] = []
    remarks: list[Remark] = []
    heard: list[bytes] = []
    count = 0

    def show(some: Sequence["PredictionRow"]) -> None:
        if as_text:
            _write(as_lines(some, card.emotions, form))
        else:
            rows.extend(some)

    if as_text:
        _write(head(card.emotions, form))
    device = choose_device()
    batches = (
        predict_live(ensemble, card, pipe, device)
        if pipe
        else predict_files(ensemble, card, paths, timeline=arguments.timeline, device=device)
    )
    for found in batches:
        remarks += found.remarks
        count += len(found.rows)
        if voices:
            heard += stretch_lines(found.stretches).encode().splitlines()
        else:
            show(found.rows)
    if voices:
        silent = {remark.path for remark in remarks if remark.status == "silent"}
        for some in voices.rows(lambda: heard, silent):
            show(some)
    if rows:
        print_table(rows, card.emotions, timeline=arguments.timeline)
    _tell(remarks, paths, voices)
    return 0 if count else 1


def _tell(
    remarks: Sequence["Remark"], paths: Sequence[Path], voices: "Voices | None" = None, out: Path | None = None
) -> None:
    from emoclr.predict.output.out_path import errors_path
    from emoclr.predict.remarks import summary_of

    for line in (*summary_of(remarks, paths), *(voices.told() if voices else ())):
        say(line)
    if out and errors_path(out).exists():
        say(f"unreadable, partial and silent ones: {errors_path(out)}")


def _write(text: str) -> None:
    """Writes onto standard output at once; names of files that are no UTF-8 keep their bytes."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8", errors="surrogateescape")
    sys.stdout.write(text)
    sys.stdout.flush()


@contextlib.contextmanager
def _stopped_by_sigterm() -> Iterator[None]:
    """Lets SIGTERM do what Ctrl-C does."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
