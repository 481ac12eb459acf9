"""Damaged tables, indexes, cards, reports, checkpoints, tars and caches: each is read right, or refused in a sentence.

30 mutants of each by default; `EMOCLR_FUZZ=100000` for 1,000, `EMOCLR_FUZZ_SEED=7` for others.
"""

import gzip
import os
import random
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest
import soundfile as sf
import torch

from emoclr.configs.errors import EmoclrError
from emoclr.corpus.clips.clip_table import Clip
from emoclr.corpus.clips.sources import clips_from
from emoclr.corpus.decoded.waveforms import open_waveforms
from emoclr.corpus.index.index_file import index_batches
from emoclr.corpus.labels.labels_csv import read_labels
from emoclr.corpus.tars.tar import read_card, read_samples
from emoclr.evaluate.report.comparison import compare_reports
from emoclr.finetune.model.checkpoint import load_ensemble, load_model
from emoclr.pretrain.encoder.checkpoint import load_card, load_encoder
from emoclr.pretrain.resume.run_card import RunCard
from emoclr.pretrain.training.saver import AtomicCheckpointIO

MUTANTS = max(30, int(os.environ.get("EMOCLR_FUZZ", "0")) // 100)
SEED = os.environ.get("EMOCLR_FUZZ_SEED", "0")
RELEASED = Path(__file__).parents[1] / "compatibility/v0_1"
"""Files of every kind, as version 0.1 wrote them."""

VALUES = [
    *[
        "",
        "nan",
        "-1",
        "1e999",
        "[]",
        "{}",
        "null",
        "true",
        "x" * 300,
        "\0",
        "é",
        "0",
        "0.5",
        "9" * 20,
        "\n",
        ",",
        ";",
        " ",
    ],
    *[
        "\ufeff",
        "../..",
        "/dev/null",
        "2020-01-99",
        "0x10",
        "1:2",
        "&a [*a, *a]",
        "=1+1",
        "!!python/name:os.system",
        "path",
    ],
]


class Kind(NamedTuple):
    """A file, whether it is text, what reads it, and what else it may be read as."""

    path: str
    text: bool
    read: Callable[[Path], Any]


KINDS = {
    "labels.csv": Kind("labels.csv", True, lambda path: read_labels(path)),
    "clips of labels.csv": Kind("labels.csv", True, lambda path: clips_from([path])),
    "labels of names": Kind("names.csv", True, lambda path: read_labels(path)),
    "labels in UTF-16": Kind("utf16.csv", False, lambda path: read_labels(path)),
    "labels.csv.gz": Kind("labels.csv.gz", False, lambda path: read_labels(path)),
    "labels.parquet": Kind("labels.parquet", False, lambda path: read_labels(path)),
    "labels.jsonl": Kind("labels.jsonl", True, lambda path: read_labels(path)),
    "index.csv": Kind("index.csv", True, lambda path: list(index_batches(path))),
    "index.parquet": Kind("index.parquet", False, lambda path: clips_from([path])),
    "run.yaml": Kind("pretrained/run.yaml", True, lambda path: load_card(path, RunCard)),
    "encoder.yaml": Kind("pretrained/test_efficientnet/encoder.yaml", True, lambda path: load_encoder(path.parent)),
    "ensemble.yaml": Kind("emotions/ensemble.yaml", True, lambda path: load_ensemble(path.parent)),
    "model.yaml": Kind("emotions/test_efficientnet/seed-1/model.yaml", True, lambda path: load_model(path.parent)),
    "report.json": Kind("probe/report.json", True, lambda path: compare_reports([path, path.parents[1] / "emotions"])),
    "answers.csv": Kind(
        "probe/answers.csv", True, lambda path: compare_reports([path.parent, path.parents[1] / "emotions"])
    ),
    "a tar": Kind("tars/corpus-000000.tar", False, lambda path: list(read_samples(str(path)))),
    "a tar's card": Kind("tars/corpus-000000.json", True, lambda path: read_card(str(path.with_suffix(".tar")))),
}


def with_other_values(content: bytes, chance: random.Random) -> bytes:
    """Returns text in which values are replaced, lines repeated, moved or lost."""
    text = content.decode()
    for _ in range(chance.choice([1, 1, 2, 4])):
        found = list(re.finditer(r"[^\s,;:\"\[\]{}]+|[,;:\"\n]", text))
        lines = text.split("\n")
        if chance.random() < 0.8 and found:
            place = chance.choice(found)
            text = text[: place.start()] + chance.choice(VALUES) + text[place.end() :]
        else:
            line = chance.choice(lines) if chance.random() < 0.5 else lines.pop(chance.randrange(len(lines)))
            lines.insert(chance.randint(0, len(lines)), line)
            text = "\n".join(lines)
    return text.encode()


def with_other_bytes(content: bytes, chance: random.Random) -> bytes:
    """Returns bytes that are flipped, cut, inserted, zeroed or set to extremes."""
    data = bytearray(content)
    for _ in range(chance.choice([1, 1, 2, 8])):
        at = chance.randrange(chance.choice([64, len(data) or 1])) if data else 0
        way = chance.randrange(5)
        if way == 0 and at < len(data):
            data[at] ^= 1 << chance.randrange(8)
        elif way == 1:
            data[at : at + 8] = chance.choice([bytes(8), b"\xff" * 8, (2**63 - 1).to_bytes(8, "little")])
        elif way == 2:
            del data[at : at + chance.randint(1, max(1, len(data) // 4))]
        elif way == 3:
            data[at:at] = chance.randbytes(chance.randint(1, 32))
        else:
            del data[at:]
    return bytes(data)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a file of each kind."""
    folder = tmp_path_factory.mktemp("files")
    for name in ("pretrained", "emotions", "probe", "tars"):
        shutil.copytree(RELEASED / name, folder / name)
    for name in ("index.csv", "index.parquet"):
        shutil.copy(RELEASED / name, folder)
    rows = [
        {"path": f"{n}.wav", "joy": n % 2, "fear": 0.5, "speaker": f"s{n % 3}", "start_s": 0.0, "end_s": 0.5 + n}
        for n in range(6)
    ]
    table = pd.DataFrame(rows)
    table.to_csv(folder / "labels.csv", index=False)
    table.to_csv(folder / "utf16.csv", index=False, sep=";", decimal=",", encoding="utf-16")
    table.to_parquet(folder / "labels.parquet")
    table.to_json(folder / "labels.jsonl", orient="records", lines=True)
    (folder / "labels.csv.gz").write_bytes(gzip.compress((folder / "labels.csv").read_bytes()))
    names = [{"File": row["path"], "emotion": "joy" if row["joy"] else "fear", "Actor": row["speaker"]} for row in rows]
    pd.DataFrame(names).to_csv(folder / "names.csv", index=False)
    return folder


@pytest.mark.parametrize("name", KINDS)
def test_a_damaged_file_is_read_or_refused(files, name, capsys):
    path, is_text, read = files / KINDS[name].path, KINDS[name].text, KINDS[name].read
    content = path.read_bytes()
    read(path)
    refused = 0
    try:
        for number in range(MUTANTS):
            chance = random.Random(f"{name} {SEED} {number}")
            path.write_bytes(
                (with_other_values if is_text and chance.random() < 0.7 else with_other_bytes)(content, chance)
            )
            try:
                read(path)
            except EmoclrError as error:
                assert str(error), number
                refused += 1
            except Exception as error:
                raise AssertionError(f"mutant {number}, seed {SEED}: {error!r}") from error
    finally:
        path.write_bytes(content)
    assert refused > MUTANTS / 5


def test_a_damaged_resume_file_is_refused_or_what_it_was(tmp_path):
    path = tmp_path / "resume.ckpt"
    AtomicCheckpointIO().save_checkpoint({"weights": torch.arange(64.0), "steps": [1, 2]}, path)
    content, refused = path.read_bytes(), 0
    for number in range(MUTANTS):
        path.write_bytes(with_other_bytes(content, random.Random(f"resume {SEED} {number}")))
        try:
            found = AtomicCheckpointIO().load_checkpoint(path)
        except EmoclrError:
            refused += 1
        else:
            assert found["steps"] == [1, 2] and torch.equal(found["weights"], torch.arange(64.0)), number
    assert refused > MUTANTS / 2


@pytest.mark.usefixtures("in_this_process")
@pytest.mark.parametrize("ending", [".npz", ".int16"])
def test_a_damaged_shard_of_the_cache_costs_time_alone(tmp_path, ending):
    clips = []
    for number in range(2):
        clips.append(Clip(tmp_path / f"{number}.wav"))
        sf.write(clips[-1].path, 0.3 * np.sin(np.arange(1_600) * (0.1 + number)), 16_000)
    expected = open_waveforms(clips, tmp_path / "cache")
    for number in range(MUTANTS):
        for shard in (tmp_path / "cache").glob(f"*{ending}"):
            shard.write_bytes(with_other_bytes(shard.read_bytes(), random.Random(f"{ending} {SEED} {number}")))
        found = open_waveforms(clips, tmp_path / "cache")
        assert len(found) == 2 and not found.failures
        for clip in range(2):
            np.testing.assert_array_equal(found.waveform(clip), expected.waveform(clip))
