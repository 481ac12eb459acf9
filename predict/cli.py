"""The `predict` command."""

import argparse
import importlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from emoclr.configs.command import parse, run_command, stopped_by_sigterm, typed_words, uncollected
from emoclr.configs.console import say
from emoclr.configs.errors import ConfigError
from emoclr.configs.messages import count_of
from emoclr.predict.live import STANDARD_OUTPUT, predict_live, standard_input
from emoclr.predict.options import RELEASED, SEPARATE, make_options

if TYPE_CHECKING:
    from emoclr.corpus.audio.formats.pipe import Pipe
    from emoclr.corpus.parallel.engines import RayEngine
    from emoclr.finetune.model.checkpoint import EnsembleCard
    from emoclr.finetune.model.emotion_model import Ensemble
    from emoclr.predict.output.files import Files
    from emoclr.predict.output.tables import LineForm
    from emoclr.predict.stream.remarks import Remark
    from emoclr.predict.stream.rows import Row, RowKind, Spoken
    from emoclr.predict.stream.voices import Voices


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs `predict` and returns its exit code."""
    words = typed_words(arguments)
    if words[:1] in (["export"], ["serve"]):
        command = importlib.import_module(f"emoclr.predict.{words[0]}.cli")
        return run_command(command.run, parse(command.make_options(), words[1:]))
    return run_command(_predict, parse(make_options(), words))


def _predict(arguments: argparse.Namespace) -> int:
    from emoclr.corpus.audio.file_kinds import check_recordings
    from emoclr.corpus.decoded.decode_stream import STANDARD_INPUT
    from emoclr.corpus.index.audio_files import find_audio
    from emoclr.finetune.model.folders import find_card

    if arguments.embeddings is not None:
        return _embeddings(arguments)
    named = arguments.source or _released()
    arguments.source, arguments.name = find_card(named).parent, Path(named).name
    pipe = standard_input(arguments)
    if arguments.speaker is None and not pipe:
        check_recordings(*arguments.recordings)
    files, engine = _files(arguments), _engine(arguments)
    channels: list[int] | None = None
    with stopped_by_sigterm():
        speakers: list[str] | None = None
        if arguments.speaker is not None:
            from emoclr.predict.stream.voices import find_speakers

            paths, speakers = find_speakers(arguments.recordings, arguments.speaker)
        else:
            paths = [STANDARD_INPUT] if pipe else find_audio(arguments.recordings)
        if files:
            files.check(paths)
        if arguments.channels == SEPARATE:
            from emoclr.corpus.decoded.decode_stream import separate_channels

            if speakers is not None:
                raise ConfigError(
                    f"--speaker: takes a recording for one speaker's, --channels {SEPARATE} for several; leave one out"
                )
            paths, channels = separate_channels(paths)
        say(f"reading {named}")
        with uncollected():
            from emoclr.finetune.model.checkpoint import load_ensemble, with_windows
            from emoclr.pretrain.training.allocator import share_freed_memory

            share_freed_memory()
            ensemble, card = load_ensemble(arguments.source)
        card = with_windows(card, arguments.window, arguments.hop)
        if card.limits:
            say(f"{named}: {card.limits}")
        for line in [*(f"warning: {caution}" for caution in card.cautions), *(f"note: {note}" for note in card.notes)]:
            say(line)
        voices = None
        if speakers is not None:
            from emoclr.predict.stream.voices import ONE_MOOD, Voices

            voices = Voices(ensemble, card, paths, speakers)
            say(ONE_MOOD)
        if files:
            return _into_files(arguments, files, paths, ensemble, card, voices, channels, engine)
        return _onto_screen(arguments, paths, ensemble, card, voices, channels, engine, pipe)


def _embeddings(arguments: argparse.Namespace) -> int:
    from emoclr.corpus.audio.file_kinds import check_recordings
    from emoclr.corpus.index.audio_files import find_audio
    from emoclr.predict.output.embedding_file import check_embeddings

    out = Path(arguments.embeddings)
    others = ("out", "format", "speaker", "rate", "channels", "window", "hop", "segments", "page", "page_audio")
    for name in (*others, "engine", "ray_address"):
        if getattr(arguments, name) not in (None, False, "local"):
            raise ConfigError(
                f"--{name.replace('_', '-')}: is of emotions, in place of which --embeddings are written; leave one out"
            )
    check_recordings(*arguments.recordings)
    check_embeddings(out)
    with stopped_by_sigterm():
        paths = find_audio(arguments.recordings)
        named = arguments.source or _released()
        say(f"reading {named}")
        with uncollected():
            from emoclr.predict.embeddings import embed_files
        from emoclr.pretrain.encoder.devices import choose_device

        count, remarks = embed_files(
            named, paths, out, timeline=arguments.timeline, gate=arguments.gate == "voice", device=choose_device()
        )
    if count:
        say(f"{count_of(count, 'embedding')}: {out}")
    _tell((), [remark for remark in remarks if remark.status != "voiceless"], paths, out=out)
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


def _files(arguments: argparse.Namespace) -> "Files | None":
    """Returns the files that are asked for; None where what is found is shown."""
    to_file = arguments.out not in (None, STANDARD_OUTPUT)
    if arguments.page_audio and not arguments.page:
        raise ConfigError(f"--page-audio {arguments.page_audio}: is of a page; give --page FILE.html")
    if arguments.page and arguments.out == STANDARD_OUTPUT:
        raise ConfigError("--out -: does not go with --page; give --out a file, or leave it out")
    if not to_file:
        if arguments.format not in (None, "csv", "jsonl"):
            raise ConfigError(f"--format {arguments.format}: is of files; give --out FOLDER for them")
        if not arguments.page:
            return None
    from emoclr.predict.output.files import Files

    files = Files.asked(
        arguments.out, arguments.format if to_file else None, arguments.page, arguments.page_audio or "link"
    )
    if files.annotations:
        if arguments.timeline:
            raise ConfigError(f"--timeline: has windows, which overlap; {arguments.out} holds segments; leave it out")
        arguments.segments = True
    return files


def _into_files(
    arguments: argparse.Namespace,
    files: "Files",
    paths: Sequence[Path],
    ensemble: "Ensemble",
    card: "EnsembleCard",
    voices: "Voices | None",
    channels: Sequence[int] | None,
    engine: "RayEngine | None",
) -> int:
    from emoclr.predict.output.screen import sums
    from emoclr.predict.output.tables import Columns
    from emoclr.predict.output.unfinished import work_of
    from emoclr.predict.output.write_files import told_of, write_files
    from emoclr.pretrain.encoder.devices import choose_device

    kind, device = _kind(arguments), "cpu" if engine else choose_device()
    columns = Columns.of(card, kind, channel=channels is not None)
    options = {"the kind of rows": kind, "--gate": arguments.gate, "--channels": str(arguments.channels)}
    options |= {"--window": f"{card.window_s}", "--hop": f"{card.hop_s}"}
    if files.page:
        options["--page"] = f"{files.page} {files.sound}"
    speakers = voices.speakers if voices else None
    work = work_of(arguments.source, card, paths, options=options, device=device, speakers=speakers)
    gate = arguments.gate == "voice"
    table = write_files(
        files,
        ensemble,
        card,
        paths,
        columns,
        name=arguments.name,
        gate=gate,
        device=device,
        work=work,
        voices=voices,
        channels=channels,
        engine=engine,
    )
    for line in told_of(files, table):
        say(line)
    _tell(sums(table.spoken, table.recordings, columns), table.remarks, paths, voices, files.main)
    return 0 if table.recordings else 1


def _onto_screen(
    arguments: argparse.Namespace,
    paths: Sequence[Path],
    ensemble: "Ensemble",
    card: "EnsembleCard",
    voices: "Voices | None",
    channels: Sequence[int] | None,
    engine: "RayEngine | None",
    pipe: "Pipe | None",
) -> int:
    from emoclr.predict.output.screen import print_table, print_text, sums
    from emoclr.predict.output.tables import Columns, as_lines, head
    from emoclr.predict.run import predict_files
    from emoclr.predict.stream.rows import RowMaker, all_spoken, item_lines, rows_of
    from emoclr.pretrain.encoder.devices import choose_device

    as_text = arguments.out == STANDARD_OUTPUT or arguments.format is not None or pipe is not None
    form: LineForm = arguments.format or "csv"
    kind = "window" if pipe and not arguments.segments else _kind(arguments)
    columns = Columns.of(card, kind, channel=channels is not None)
    rows: list[Row] = []
    remarks: list[Remark] = []
    heard: list[bytes] = []
    spoken: list[Spoken] = []

    def show(some: Sequence["Row"]) -> None:
        if as_text:
            print_text(as_lines(some, columns, form))
        else:
            rows.extend(some)

    if as_text:
        print_text(head(columns, form))
    gate, device = arguments.gate == "voice", choose_device()
    batches = (
        predict_live(ensemble, card, pipe, device, kind, gate=gate)
        if pipe
        else predict_files(ensemble, card, paths, kind=kind, gate=gate, device=device, channels=channels, engine=engine)
    )
    for found in batches:
        remarks += found.remarks
        if voices:
            heard += item_lines(found.items).encode().splitlines()
        else:
            show(found.rows)
            spoken += found.spoken
    if voices:
        silent = {remark.path for remark in remarks if remark.status == "silent"}
        maker = RowMaker(ensemble, card, paths, kind)
        for some, of_some in rows_of(voices.moved(lambda: heard, silent), maker):
            show(some)
            spoken += of_some
    if rows:
        print_table(rows, columns)
    said = all_spoken(spoken, len(card.emotions))
    _tell(sums(said, len(spoken), columns), remarks, paths, voices)
    return 0 if spoken else 1


def _engine(arguments: argparse.Namespace) -> "RayEngine | None":
    """Returns the Ray cluster that is asked for; None where this machine does the work."""
    from emoclr.corpus.parallel.engines import RayEngine, make_engine

    engine = make_engine(arguments.engine, arguments.ray_address)
    if not isinstance(engine, RayEngine):
        return None
    if arguments.page:
        raise ConfigError("--page: is drawn while recordings are decoded on this machine; leave --engine ray out")
    return engine


def _kind(arguments: argparse.Namespace) -> "RowKind":
    return "window" if arguments.timeline else "segment" if arguments.segments else "recording"


def _tell(
    sums: Iterable[str],
    remarks: Sequence["Remark"],
    paths: Sequence[Path],
    voices: "Voices | None" = None,
    out: Path | None = None,
) -> None:
    from emoclr.predict.output.out_path import errors_path
    from emoclr.predict.stream.remarks import summary_of

    for line in (*sums, *summary_of(remarks, paths), *(voices.told() if voices else ())):
        say(line)
    if out and errors_path(out).exists():
        say(f"unreadable, partial, silent and voiceless ones: {errors_path(out)}")
