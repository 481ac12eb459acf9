"""A million clips: how fast an index opens, what it costs in memory, and whether that grows over epochs.

The recordings are made up: an index names them, and a cache of sparse files stands in for their samples. What is
measured is what the list of clips costs, each step in a fresh process.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

# The folder of this script would be looked through first, and it holds a file that is called like a package.
CLIPS, WORKERS, EPOCHS, BATCH = 1_000_000, 8, 6, 500
CLIP_SAMPLES = 500
SHARDS = 300


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, default=CLIPS)
    parser.add_argument("--step", choices=["open", "read", "epochs"], help=argparse.SUPPRESS)
    parser.add_argument("--index", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.step:
        {"open": opened, "read": listed, "epochs": epochs}[arguments.step](arguments.index)
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make(folder, arguments.clips)
        print(f"{arguments.clips:,} clips in {SHARDS} shards")
        for step, index in (
            ("open", "index.parquet"),
            ("open", "index.csv"),
            ("read", "labels.csv"),
            ("epochs", "index.parquet"),
        ):
            subprocess.run([sys.executable, __file__, "--step", step, "--index", str(folder / index)], check=True)


def make(folder: Path, clips: int) -> None:
    """Writes an index of recordings that do not exist, a CSV of the same, and a cache that holds their samples."""
    import pyarrow as pa

    from emoclr.corpus.decoded.cache import (
        ENTRIES_SUFFIX,
        ENTRY_DTYPE,
        FILE_DTYPE,
        KEY_DTYPE,
        SAMPLES_SUFFIX,
        SHARD_VERSION,
    )
    from emoclr.corpus.decoded.checksums import checksums_of
    from emoclr.corpus.index.index_file import IndexRow, table_of, write_index

    digests = np.random.default_rng(0).bytes(16 * clips)
    tables = []
    for first in range(0, clips, 1 << 16):
        rows = []
        for clip in range(first, min(clips, first + (1 << 16))):
            path = f"{folder}/recordings/speaker-{clip % 5_000:05}/session-{clip % 97:02}/take-{clip:08}.mp3".encode()
            digest = digests[16 * clip : 16 * clip + 16].hex()
            rows.append(
                IndexRow(path, 60_000 + clip, 1_700_000_000 + clip, digest, 5.0, 48_000, 1, -23.0, -3.0, "ok", "")
            )
        tables.append(table_of(rows))
    table = pa.concat_tables(tables)
    for name in ("index.parquet", "index.csv"):
        write_index(folder / name, table)
    with (folder / "labels.csv").open("w") as file:
        file.write("path,speaker,split\n")
        for clip, path in enumerate(table["path"]):
            file.write(f"{path.as_py().decode()},{clip % 5_000},train\n")
    (folder / "cache").mkdir()
    keys = np.frombuffer(digests, KEY_DTYPE)
    for number, part in enumerate(np.array_split(np.arange(clips), SHARDS)):
        entries = np.zeros(len(part), ENTRY_DTYPE)
        entries["key"], entries["start"], entries["samples"] = (
            keys[part],
            CLIP_SAMPLES * np.arange(len(part)),
            CLIP_SAMPLES,
        )
        entries["peak"], entries["scale"] = 10_000, 1.0
        for column in ("partial", "notes", "channel"):
            entries[column] = -1
        samples = folder / "cache" / f"{number:03}{SAMPLES_SUFFIX}"
        with samples.open("wb") as file:
            file.truncate(2 * CLIP_SAMPLES * len(part))
        texts: Any = np.frombuffer(b"[]", np.uint8)
        np.savez(
            samples.with_suffix(ENTRIES_SUFFIX),
            version=SHARD_VERSION,
            entries=entries,
            files=np.zeros(0, FILE_DTYPE),
            texts=texts,
            checksums=checksums_of(samples),
        )


def opened(index: Path) -> None:
    from emoclr.corpus.clips.sources import clips_from
    from emoclr.corpus.decoded.waveforms import open_waveforms

    before, began = memory("VmRSS"), now()
    store = open_waveforms(clips_from([index]), index.parent / "cache", cache_gb=1e6)
    told = since(began)
    assert len(store) and not store.uncached
    print(f"{index.name}: opened with its cache in {told}; {costs(before)}")


def listed(index: Path) -> None:
    from emoclr.corpus.clips.sources import clips_from

    before, began = memory("VmRSS"), now()
    clips = clips_from([index])
    print(f"{index.name}: {len(clips.speaker_names):,} speakers, read in {since(began)}; {costs(before)}")


def epochs(index: Path) -> None:
    """Reads a crop of every clip in an order of its own, as training does, and says what the workers hold."""
    from torch.utils.data import DataLoader, Dataset

    from emoclr.corpus.clips.sources import clips_from
    from emoclr.corpus.decoded.waveforms import WaveformStore, open_waveforms
    from emoclr.pretrain.data.batch_order import BatchOrder

    class Crops(Dataset[int]):
        def __init__(self, store: WaveformStore) -> None:
            self.store = store

        def __getitem__(self, key: tuple[int, int]) -> int:
            return len(self.store.crop(key[1], key[0], 100))

    store = open_waveforms(clips_from([index]), index.parent / "cache", cache_gb=1e6)
    order = BatchOrder(store.speakers, BATCH, 1, seed=0)
    steps = EPOCHS * order.batches_per_epoch
    keys: Any = Keys(order, steps)
    loader: Any = DataLoader(Crops(store), batch_sampler=keys, num_workers=WORKERS)
    for step, _ in enumerate(loader, start=1):
        if step % order.batches_per_epoch == 0:
            told = [private_mb(child) for child in children()]
            print(
                f"after epoch {step // order.batches_per_epoch}: {WORKERS} workers hold {sum(told):.0f} MiB that are "
                f"theirs alone, {max(told):.0f} at most each"
            )


class Keys:
    """The keys of all batches, as a sampler."""

    def __init__(self, order: Any, steps: int) -> None:
        self.order, self.steps = order, steps

    def __iter__(self) -> Any:
        return self.order.keys_from(0, self.steps)

    def __len__(self) -> int:
        return self.steps


def memory(name: str, process: str = "self") -> float:
    """Returns a figure of /proc/PID/status in MiB."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:")) / 1024


def now() -> tuple[float, float]:
    return time.perf_counter(), time.process_time()


def since(began: tuple[float, float]) -> str:
    wall_s, cpu_s = (end - start for start, end in zip(began, now(), strict=True))
    return f"{wall_s:.2f} s ({cpu_s:.2f} s of a processor)"


def costs(before: float) -> str:
    return f"{memory('VmRSS') - before:.0f} MiB more than before, {memory('VmHWM') - before:.0f} at the peak"


def children() -> list[str]:
    return Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()


def private_mb(process: str) -> float:
    """Returns what a process has copied or made itself, in MiB; pages of files and of its parent do not count."""
    lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Private_Dirty:")) / 1024


if __name__ == "__main__":
    main()
