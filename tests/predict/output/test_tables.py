"""Predictions as CSV and as JSON lines, and the table of errors beside them."""

import csv
import json
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from emoclr.configs.errors import ConfigError
from emoclr.predict.output.out_path import errors_path, is_predictions
from emoclr.predict.output.tables import write_predictions
from emoclr.predict.run import Predictions
from emoclr.predict.stream.remarks import Remark
from emoclr.predict.stream.rows import PredictionRow
from emoclr.predict.stream.segments import Segment

ANSWERS = [
    PredictionRow(
        Path("a.wav"), 0.0, 1.23456, np.array([0.91234567, 0.5]), ["anger", "joy"], 0.756789, np.array([0.25, 0])
    ),
    PredictionRow(Path("b/ü, 'c'.wav"), 0.5, 22.0, np.array([np.nan, np.nan]), [], 0.0, np.zeros(2)),
]
REMARKS = [
    Remark(Path("x, y.mp3"), "unreadable", 'is "no" audio'),
    Remark(Path("a.wav"), "partial", "breaks off: 1.23 of 2.00 s can be decoded"),
    Remark(Path("a.wav"), "note", "channel 2 of 2: the others hold next to nothing"),
]


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def predictions() -> Predictions:
    return Predictions(["anger", "joy"], ANSWERS, REMARKS)


def test_the_columns_are_those_of_the_contract(predictions: Predictions, tmp_path: Path) -> None:
    write_predictions(predictions, tmp_path / "out.csv")
    first, *_ = (tmp_path / "out.csv").read_text(encoding="utf-8").splitlines()
    assert first == "path,start_s,end_s,voice,anger,joy,anger_share,joy_share,emotions"
    assert rows_of(tmp_path / "out.csv") == [
        {
            "path": "a.wav",
            "start_s": "0.000",
            "end_s": "1.235",
            "voice": "0.7568",
            "anger": "0.9123",
            "joy": "0.5000",
            "anger_share": "0.2500",
            "joy_share": "0.0000",
            "emotions": "anger;joy",
        },
        {
            "path": "b/ü, 'c'.wav",
            "start_s": "0.500",
            "end_s": "22.000",
            "voice": "0.0000",
            "anger": "",
            "joy": "",
            "anger_share": "0.0000",
            "joy_share": "0.0000",
            "emotions": "",
        },
    ]


def test_json_lines_say_the_same(predictions: Predictions, tmp_path: Path) -> None:
    write_predictions(predictions, tmp_path / "out.csv")
    write_predictions(predictions, tmp_path / "out.jsonl")
    lines = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()]
    for line, row in zip(lines, rows_of(tmp_path / "out.csv"), strict=True):
        assert list(line) == list(row)
        assert line["path"] == row["path"] and ";".join(line["emotions"]) == row["emotions"]
        for name in ("start_s", "end_s", "anger", "joy"):
            assert (line[name] is None and row[name] == "") or line[name] == float(row[name])


def test_parquet_says_the_same(predictions: Predictions, tmp_path: Path) -> None:
    for form in ("parquet", "jsonl"):
        write_predictions(predictions, tmp_path / f"out.{form}")
    lines = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()]
    table = pq.read_table(tmp_path / "out.parquet")
    assert table.to_pylist() == lines and table.column_names == list(lines[0])
    assert table.schema.field("joy").type == pa.float64()


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet"])
def test_what_could_not_be_read_stands_in_a_table_beside(predictions: Predictions, tmp_path: Path, form: str) -> None:
    out = tmp_path / f"out.{form}"
    write_predictions(predictions, out)
    assert errors_path(out) == tmp_path / "out.errors.csv"
    assert rows_of(errors_path(out)) == [
        {"path": "x, y.mp3", "reason": 'is "no" audio', "status": "unreadable"},
        {"path": "a.wav", "reason": "breaks off: 1.23 of 2.00 s can be decoded", "status": "partial"},
    ]


def test_a_table_of_errors_that_no_longer_holds_goes_away(predictions: Predictions, tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    write_predictions(predictions, out)
    write_predictions(Predictions(["anger", "joy"], ANSWERS, []), out)
    assert [path.name for path in tmp_path.iterdir()] == ["out.csv"]


def test_without_answers_the_table_has_its_head(tmp_path: Path) -> None:
    none = Predictions(["anger"], [], REMARKS)
    write_predictions(none, tmp_path / "out.csv")
    write_predictions(none, tmp_path / "out.jsonl")
    assert (tmp_path / "out.csv").read_text() == "path,start_s,end_s,voice,anger,anger_share,emotions\n"
    assert (tmp_path / "out.jsonl").read_text() == ""


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet"])
def test_a_name_that_is_no_utf_8_is_no_end_of_the_run(tmp_path: Path, form: str) -> None:
    name = b"caf\xe9.wav".decode("utf-8", "surrogateescape")
    answer = PredictionRow(Path(name), 0.0, 1.0, np.array([0.5]), [], 1.0, np.zeros(1))
    failure = Remark(Path(name), "unreadable", "damaged")
    out = tmp_path / f"out.{form}"
    write_predictions(Predictions(["anger"], [answer], [failure]), out)
    for path in (out, errors_path(out)):
        assert b"caf" in path.read_bytes()


@pytest.mark.parametrize("name", ["out.txt", "out", "out.csv.gz", ".csv"])
def test_another_ending_names_the_three(predictions: Predictions, tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match=r"\.csv, \.jsonl, \.parquet"):
        write_predictions(predictions, tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_a_table_of_errors_of_the_users_own_stays(tmp_path: Path) -> None:
    own = errors_path(tmp_path / "out.csv")
    own.write_text("day,error\n1,typo\n")
    write_predictions(Predictions(["anger", "joy"], ANSWERS), tmp_path / "out.csv")
    assert own.read_text() == "day,error\n1,typo\n"


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet"])
def test_every_row_says_what_forbids_conclusions(predictions: Predictions, tmp_path: Path, form: str) -> None:
    segments = Predictions(["anger", "joy"], [Segment(Path("a.wav"), 0.5, 2.0, "joy", 0.8)], kind="segment")
    out = tmp_path / f"out.{form}"
    for found in (predictions, segments):
        write_predictions(replace(found, cautions=["Synthetic voices.", "One speaker; no others."]), out)
        read = {"csv": pd.read_csv, "parquet": pd.read_parquet, "jsonl": partial(pd.read_json, lines=True)}[form]
        table = read(out)
        assert list(table.columns)[-1] == "cautions" and len(table) == len(found.rows)
        assert set(table["cautions"]) == {"Synthetic voices. One speaker; no others."}
        assert is_predictions(out)


def test_a_caution_is_no_formula(predictions: Predictions, tmp_path: Path) -> None:
    write_predictions(replace(predictions, cautions=["=1+1"]), tmp_path / "out.csv")
    assert {row["cautions"] for row in rows_of(tmp_path / "out.csv")} == {"'=1+1"}


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet"])
def test_segments_have_a_row_each(tmp_path: Path, form: str) -> None:
    segments = [Segment(Path("a.wav"), 0.5, 2.0, "joy", 0.81236), Segment(Path("a.wav"), 1.0, 2.5, "anger", 0.7)]
    out = tmp_path / f"out.{form}"
    for _ in range(2):  # a table of predict may be replaced
        write_predictions(Predictions(["anger", "joy"], segments, kind="segment"), out)
        assert is_predictions(out)
    if form == "csv":
        assert out.read_text().splitlines()[:2] == [
            "path,start_s,end_s,emotion,probability",
            "a.wav,0.500,2.000,joy,0.8124",
        ]
    else:
        table = pd.read_parquet(out) if form == "parquet" else pd.read_json(out, lines=True)
        assert table["emotion"].tolist() == ["joy", "anger"] and table["end_s"].tolist() == [2.0, 2.5]
