"""The `corpus` command: parses, calls, prints."""

import argparse
import contextlib
from collections.abc import Sequence
from pathlib import Path

from emoclr.configs.command import (
    add_columns,
    add_debug,
    add_engine,
    make_parser,
    parse_group,
    positive,
    run_command,
    typed_words,
)
from emoclr.configs.console import say, show
from emoclr.configs.errors import ConfigError
from emoclr.corpus.audio.file_kinds import check_recordings, check_sources, check_table
from emoclr.corpus.labels.annotation.command import add_label, add_pick, columns_of
from emoclr.corpus.prepare.command import add_prepare
from emoclr.evaluate.positive_share import POSITIVE_SHARE

_EXAMPLES = """\
  corpus scan recordings/ --out index.parquet
  corpus stats index.parquet --out stats.png
  corpus prepare crema_d CREMA-D/ --labels votes --out crema_d.csv
  corpus shard recordings/ --out 'tars/corpus-%06d.tar'
  corpus audit crema_d.csv --out reports/audit
  corpus segment recordings/ --out segments.csv
  corpus pick segments.csv --n 100 --out picked.csv
  corpus label picked.csv --out labels.csv --emotions anger,joy,sadness
  corpus demo --out demo/
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command and returns its exit code."""
    parsed = _parse(typed_words(arguments))
    return run_command(parsed.work, parsed)


def _parse(words: Sequence[str]) -> argparse.Namespace:
    parser = make_parser("corpus", "Recordings to clips and labels.", _EXAMPLES)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    scan = commands.add_parser("scan", help="list the recordings of folders and which of them can be read")
    scan.add_argument("folders", nargs="+", type=Path, metavar="DIR", help="folder of recordings, or a file")
    scan.add_argument(
        "--out",
        required=True,
        type=Path,
        metavar="INDEX",
        help="where the index goes, .parquet or .csv; of one that is there, only what is new or changed is read",
    )
    add_engine(scan)
    scan.set_defaults(work=_scan)

    stats = commands.add_parser("stats", help="durations, rates, levels, labels and speakers at a glance")
    stats.add_argument(
        "source", type=Path, metavar="INDEX_OR_LABELS", help="an index of `corpus scan`, or a labels.csv"
    )
    stats.add_argument("--index", type=Path, help="for a labels.csv: recordings that are in it are not read again")
    stats.add_argument("--out", type=Path, metavar="PNG", help="draw it, too")
    _add_positive_share(stats)
    add_columns(stats)
    stats.set_defaults(work=_stats)

    prepare = add_prepare(commands)

    shard = commands.add_parser("shard", help="write recordings as sharded tars (WebDataset), for training")
    shard.add_argument(
        "sources", nargs="+", type=Path, metavar="SOURCE", help="folder of recordings, file, index or labels.csv"
    )
    shard.add_argument("--out", required=True, type=Path, metavar="TARS", help="such as corpus-%%06d.tar, or a folder")
    shard.add_argument(
        "--format",
        choices=("flac", "original"),
        default="flac",
        help="16 kHz mono flac (default), or files as they are",
    )
    shard.add_argument("--shard-mb", type=positive, default=256, metavar="MB", help="recordings in a tar (256)")
    add_engine(shard)
    add_columns(shard)
    shard.set_defaults(work=_shard)

    audit = commands.add_parser("audit", help="what would make numbers measured on a labels.csv wrong; 1 on leakage")
    audit.add_argument("labels", type=Path, metavar="CSV", help="a labels.csv")
    audit.add_argument("--out", type=Path, metavar="DIR", help="write report.md and report.json there, too")
    _add_positive_share(audit)
    add_columns(audit)
    audit.set_defaults(work=_audit)

    segment = commands.add_parser("segment", help="cut long recordings into voiced segments")
    segment.add_argument(
        "sources", nargs="+", type=Path, metavar="SOURCE", help="folder of recordings, file, index or table of clips"
    )
    segment.add_argument("--out", required=True, type=Path, metavar="CSV", help="path, start_s and end_s of each")
    segment.add_argument("--min-s", type=float, default=1.0, metavar="S", help="shortest segment (1)")
    segment.add_argument("--max-s", type=float, default=8.0, metavar="S", help="longest segment (8)")
    add_engine(segment)
    add_columns(segment)
    segment.set_defaults(work=_segment)

    pick, label = add_pick(commands), add_label(commands)

    cache = commands.add_parser("cache", help="how much decoded audio is kept for later runs, and how to be rid of it")
    cache.add_argument("--dir", type=Path, help="its folder; without, $EMOCLR_CACHE or ~/.cache/emoclr")
    cache.add_argument("--clear", action="store_true", help="remove it; decoding again is all that this costs")
    cache.set_defaults(work=_cache, bare=True)

    demo = commands.add_parser("demo", help="make the synthetic demo corpus")
    demo.add_argument("--out", required=True, type=Path, metavar="DIR", help="where the corpus goes")
    demo.add_argument("--seed", type=int, default=0, help="another seed makes other voices (default 0)")
    demo.add_argument("--size", choices=("small", "full"), default="full", help="default full")
    demo.set_defaults(work=_demo)

    for command in (scan, stats, prepare, shard, audit, segment, pick, label, cache, demo):
        add_debug(command)
    return parse_group(parser, commands, words)


def _add_positive_share(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--positive-share",
        type=_share,
        default=POSITIVE_SHARE,
        metavar="SHARE",
        help=f"the share from which an emotion is there ({POSITIVE_SHARE:g})",
    )


def _share(text: str) -> float:
    with contextlib.suppress(ValueError):
        if 0 < (share := float(text)) <= 1:
            return share
    raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0 and at most 1")


def _scan(arguments: argparse.Namespace) -> int:
    check_recordings(*arguments.folders)
    from emoclr.corpus.index.scan import scan
    from emoclr.corpus.parallel.engines import make_engine

    engine = make_engine(arguments.engine, arguments.ray_address)
    found = scan(arguments.folders, arguments.out, engine)
    for line in found.lines:
        say(line)
    say(f"wrote {arguments.out}")
    return 0 if found.readable else 1


def _stats(arguments: argparse.Namespace) -> int:
    check_table(arguments.source, arguments.index)
    from emoclr.corpus.index.stats import overview_of
    from emoclr.corpus.index.stats_tables import print_overview

    overview = overview_of(arguments.source, arguments.index, arguments.positive_share, columns_of(arguments))
    print_overview(overview)
    if arguments.out is not None:
        from emoclr.corpus.index.stats_figure import draw_overview

        draw_overview(overview, arguments.out)
        say(f"wrote {arguments.out}")
    return 0 if len(overview.durations_s) else 1


def _shard(arguments: argparse.Namespace) -> None:
    check_sources(*arguments.sources)
    from emoclr.corpus.parallel.engines import make_engine
    from emoclr.corpus.tars.shards import write_shards

    engine = make_engine(arguments.engine, arguments.ray_address)
    write_shards(arguments.sources, arguments.out, engine, arguments.format, arguments.shard_mb, columns_of(arguments))


def _audit(arguments: argparse.Namespace) -> int:
    check_table(arguments.labels)
    from emoclr.corpus.audit import audit
    from emoclr.corpus.audit.report import print_audit, write_audit
    from emoclr.corpus.index.index_file import is_index

    if is_index(arguments.labels):
        raise ConfigError(f"{arguments.labels}: is an index; an audit needs labels (a labels.csv)")
    found = audit(arguments.labels, arguments.positive_share, columns_of(arguments))
    print_audit(found, written=arguments.out is not None)
    if arguments.out is not None:
        write_audit(found, arguments.out)
        say(f"wrote {arguments.out / 'report.md'}")
    return 0 if found.good else 1


def _segment(arguments: argparse.Namespace) -> int:
    check_sources(*arguments.sources)
    from emoclr.corpus.clips.segment import segment
    from emoclr.corpus.parallel.engines import make_engine

    engine = make_engine(arguments.engine, arguments.ray_address)
    out = arguments.out
    any_found = segment(arguments.sources, out, arguments.min_s, arguments.max_s, engine, columns_of(arguments))
    say(f"wrote {out}")
    return 0 if any_found else 1


def _cache(arguments: argparse.Namespace) -> None:
    from emoclr.configs.messages import count_of, gigabytes
    from emoclr.corpus.decoded.cache import allowed_bytes, clear_cache, default_cache_dir, read_entries, used_bytes

    folder = arguments.dir or default_cache_dir()
    if arguments.clear:
        say(f"removed {gigabytes(clear_cache(folder))} from {folder}")
        return
    clips = int((read_entries(folder).starts >= 0).sum())
    used, allowed = gigabytes(used_bytes(folder)), gigabytes(allowed_bytes(folder, None))
    show(f"{folder}: {count_of(clips, 'clip')}, {used} of the {allowed} that it may take")


def _demo(arguments: argparse.Namespace) -> None:
    from emoclr.corpus.demo.demo_corpus import make_demo_corpus

    make_demo_corpus(arguments.out, seed=arguments.seed, size=arguments.size)
