"""What a CSV holds is text to a spreadsheet, and comes back as it was to whoever reads it here."""

import csv
import io
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from emoclr.configs.files import cell_text, csv_line, path_cell, text_cell
from emoclr.corpus.index.index_file import IndexRow, read_index_table, table_of, write_index
from emoclr.corpus.labels.labels_csv import read_labels, write_labels
from emoclr.evaluate.report.predictions_csv import ScoredClips, predictions_csv, read_predictions
from emoclr.evaluate.scores import Prediction, Truth

FORMULAS = ("=1+1", "+1+1", "-1+1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1+1")
NAMES = ["a.wav", *(f"{word}.wav" for word in FORMULAS), "b;=1.wav", 'c",=1.wav', "'=1.wav"]
words = st.text(st.characters(exclude_categories=["Cs"]), min_size=1) | st.sampled_from(FORMULAS).map("'{}".format)


def is_formula(cell: str) -> bool:
    """Returns whether a cell begins as OWASP says that formulas do; a plain number is itself."""
    return cell.startswith(tuple("=+-@\t\r\n＝＋－＠")) and not pd.notna(pd.to_numeric(cell, errors="coerce"))


def cells_of(text: str) -> list[list[str]]:
    """Returns the cells as Python reads them, having checked that pandas reads the same."""
    rows = list(csv.reader(io.StringIO(text, newline="")))
    frame = pd.read_csv(io.StringIO(text, newline=""), dtype=str, keep_default_na=False)
    assert frame.to_numpy().tolist() == rows[1:]
    # A spreadsheet of a country with decimal commas separates cells at semicolons.
    for line in csv.reader(io.StringIO(text, newline=""), delimiter=";"):
        assert not any(map(is_formula, line))
    return rows


@given(words)
@example("-1")
@example("''=1")
def test_a_word_is_no_formula_and_comes_back(word):
    assert not is_formula(text_cell(word))
    assert cell_text(text_cell(word)) == word


@given(words.filter(lambda name: "\0" not in name))
def test_a_path_is_no_formula_and_the_same_path(name):
    assert not is_formula(path_cell(name))
    assert Path(path_cell(name)) == Path(name)


@given(st.lists(words, min_size=1, max_size=4))
def test_a_line_reads_as_what_was_written(cells):
    assert next(csv.reader(io.StringIO(csv_line(["x", *cells]), newline=""))) == ["x", *cells]


def test_answers_hold_no_formula_and_come_back(tmp_path):
    n = len(NAMES)
    speakers = [f"={row}" if row % 2 else f"-{row}" for row in range(n)]
    truth = Truth(["joy", "fear"], np.eye(2)[np.arange(n) % 2], speakers, n_resamples=20)
    clips = ScoredClips([(path_cell(name), "0", "") for name in NAMES], speakers)
    text = predictions_csv(clips, truth, Prediction("model", np.full((n, 2), 0.5), np.full(2, 0.5)))
    assert not any(is_formula(cell) for row in cells_of(text) for cell in row)
    (tmp_path / "answers.csv").write_bytes(text.encode())
    stored = read_predictions(tmp_path / "answers.csv")
    assert stored.speakers == speakers
    assert [Path(path) for path, _, _ in stored.clips] == [Path(name) for name in NAMES]


def test_labels_hold_no_formula_and_come_back(tmp_path):
    speakers = [f"={row}" for row in range(len(NAMES))]
    # A table of labels is read without blanks around its cells.
    names = [name for name in NAMES if name == name.strip()]
    table = pd.DataFrame({"path": names, "joy": 1.0, "speaker": speakers[: len(names)], "original": "@joy"})
    write_labels(tmp_path / "labels.csv", table.assign(path=[str(tmp_path / name) for name in names]))
    written = (tmp_path / "labels.csv").read_bytes().decode()
    assert not any(is_formula(cell) for row in csv.reader(io.StringIO(written, newline="")) for cell in row)
    read = read_labels(tmp_path / "labels.csv")
    assert read.paths == [tmp_path / name for name in names]
    assert read.speakers == speakers[: len(names)] and set(read.groups["original"]) == {"@joy"}


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_an_index_holds_no_formula_and_comes_back(tmp_path, ending):
    paths = [os.fsencode(tmp_path / name) for name in NAMES]
    rows = [IndexRow(path, 1, 1, None, 1.0, 16_000, 1, -20.0, -1.0, "ok", "") for path in paths]
    out = tmp_path / f"index.{ending}"
    write_index(out, table_of(rows))
    assert read_index_table(out).column("path").to_pylist() == paths
    if ending == "csv":
        assert not any(is_formula(cell) for row in cells_of(out.read_bytes().decode()) for cell in row)
