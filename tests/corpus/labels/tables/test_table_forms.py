"""Twelve forms of ordinary tables, each by a writer of its own, hold the same clips."""

import csv
import datetime
import gzip
import json
from pathlib import Path

import numpy as np
import openpyxl
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet

from emoclr.corpus.labels.labels_csv import read_labels
from emoclr.corpus.labels.tables.text_table import LabelsError

PATHS = ["a.wav", "a.wav", "sub/b.wav", "ü, c.wav"]
EMOTIONS = ["anger", "joy", "sadness"]
NAMES = ["anger", "joy", "sadness", "joy"]
SHARES = [[1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 1, 0]]
SPEAKERS = ["01", "01", "2", "Zoë"]
SPLITS = ["train", "train", "validation", "test"]
START_S = [0.0, 1.5, 0.25, 10.0]
END_S = [1.5, 2.75, 1.0, 62.5]


def write_dicts(path, rows, **options):
    with path.open("w", newline="", encoding=options.pop("encoding", "utf-8")) as file:
        writer = csv.DictWriter(file, list(rows[0]), **options)
        writer.writeheader()
        writer.writerows(rows)


def named_rows(columns: dict[str, list]) -> list[dict]:
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def own_form(folder):
    path = folder / "labels.csv"
    shares = {name: [row[i] for row in SHARES] for i, name in enumerate(EMOTIONS)}
    columns = {"path": PATHS, **shares, "speaker": SPEAKERS, "split": SPLITS, "start_s": START_S, "end_s": END_S}
    write_dicts(path, named_rows(columns))
    return path


def german_excel(folder):
    """Semicolons, decimal commas, Windows-1252, Excel's first line."""
    path = folder / "labels.csv"
    with path.open("w", newline="", encoding="cp1252") as file:
        file.write("sep=;\r\n")
        writer = csv.writer(file, delimiter=";")
        writer.writerow(["File Name", *EMOTIONS, "Speaker", "Set", "Start", "End"])
        for path_, shares, speaker, split, start_s, end_s in zip(
            PATHS, SHARES, SPEAKERS, SPLITS, START_S, END_S, strict=True
        ):
            times = [f"{time_s:.2f}".replace(".", ",") for time_s in (start_s, end_s)]
            writer.writerow([path_, *shares, speaker, split, *times])
    return path


def tabs_of_windows(folder):
    """What Excel calls Unicode text: tabs, UTF-16, a byte order mark."""
    path = folder / "labels.txt"
    times = {"begin": START_S, "stop": END_S}
    write_dicts(
        path,
        named_rows({"filename": PATHS, "emotion": NAMES, "spk": SPEAKERS, "subset": SPLITS, **times}),
        encoding="utf-16",
        delimiter="\t",
    )
    return path


def pandas_with_index(folder):
    path = folder / "labels.csv"
    frame = pd.DataFrame({"file": PATHS, "label": NAMES, "speaker_id": SPEAKERS, "partition": SPLITS})
    frame["start_time"], frame["end_time"] = START_S, END_S
    frame.to_csv(path, encoding="utf-8-sig")
    return path


def audformat(folder):
    """The segmented table of an audformat database, as `audformat.Table.save` writes it."""
    path = folder / "db.emotion.csv"
    times = [pd.to_timedelta(times, unit="s") for times in (START_S, END_S)]
    index = pd.MultiIndex.from_arrays([PATHS, *times], names=["file", "start", "end"])
    pd.DataFrame({"emotion": NAMES, "speaker": SPEAKERS, "split": SPLITS}, index=index).to_csv(path)
    return path


def audformat_parquet(folder):
    path = folder / "db.emotion.parquet"
    columns = {"file": PATHS, "emotion": pd.Categorical(NAMES), "speaker": SPEAKERS, "split": SPLITS}
    frame = pd.DataFrame(columns).assign(start=pd.to_timedelta(START_S, unit="s"), end=pd.to_timedelta(END_S, unit="s"))
    frame.to_parquet(path)
    return path


def opensoundscape(folder):
    """One row a window, a column of true and false for each class."""
    path = folder / "labels.csv"
    frame = pd.DataFrame(np.array(SHARES, dtype=bool), columns=EMOTIONS)
    frame.index = pd.MultiIndex.from_arrays([PATHS, START_S, END_S], names=["file", "start_time", "end_time"])
    frame.assign(participant=SPEAKERS, split=["train", "train", "val", "test"]).to_csv(path)
    return path


def raven(folder):
    """A selection table: tabs, one row a view, times from the first of several files."""
    path = folder / "labels.selections.txt"
    rows = []
    offset_s = {"a.wav": 0.0, "sub/b.wav": 100.0, "ü, c.wav": 200.0}
    for number, clip in enumerate(zip(PATHS, NAMES, SPEAKERS, SPLITS, START_S, END_S, strict=True), start=1):
        name, emotion, speaker, split, start_s, end_s = clip
        for view in ("Waveform 1", "Spectrogram 1"):
            rows.append(
                {
                    "Selection": number,
                    "View": view,
                    "Channel": 1,
                    "Begin Time (s)": offset_s[name] + start_s,
                    "End Time (s)": offset_s[name] + end_s,
                    "Low Freq (Hz)": 0.0,
                    "High Freq (Hz)": 8000.0,
                    "Begin Path": name,
                    "Begin File": Path(name).name,
                    "File Offset (s)": start_s,
                    "Annotation": emotion,
                    "Subject": speaker,
                    "Partition": split,
                }
            )
    write_dicts(path, rows, delimiter="\t")
    return path


def workbook(folder):
    path = folder / "labels.xlsx"
    book = openpyxl.Workbook()
    sheet = book.active
    header = ["Datei", "Audio File", "Emotion", "Actor", "Split", "Start", "End"]
    for column, name in enumerate(header[1:], start=2):
        sheet.cell(3, column, name)
    for row, clip in enumerate(zip(PATHS, NAMES, SPEAKERS, SPLITS, START_S, END_S, strict=True), start=4):
        *texts, start_s, end_s = clip
        for column, value in enumerate([*texts, start_s, datetime.timedelta(seconds=end_s)], start=2):
            sheet.cell(row, column, int(value) if value == "2" else value)
    book.save(path)
    return path


def parquet_of_lists(folder):
    path = folder / "labels.parquet"
    columns = {"audio": PATHS, "emotions": [[name] for name in NAMES], "subject_id": SPEAKERS, "set": SPLITS}
    times = {"onset": pa.array(START_S), "offset": pa.array(END_S)}
    parquet.write_table(pa.table({**columns, **times}), path)
    return path


def json_lines(folder):
    """A manifest as NeMo reads it."""
    path = folder / "manifest.jsonl"
    rows = named_rows(
        {"audio_filepath": PATHS, "offset": START_S, "label": NAMES, "speaker": SPEAKERS, "split": SPLITS}
    )
    for row, end_s in zip(rows, END_S, strict=True):
        row["duration"] = end_s - row["offset"]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def gzip_of_milliseconds(folder):
    path = folder / "labels.tsv.gz"
    with gzip.open(path, "wt", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, delimiter="\t", lineterminator="\n")
        writer.writerow(["wav", "emotion", "ACTOR_ID", "split", "start_ms", "end (ms)"])
        for *texts, start_s, end_s in zip(PATHS, NAMES, SPEAKERS, SPLITS, START_S, END_S, strict=True):
            writer.writerow([*texts, round(1000 * start_s), round(1000 * end_s)])
    return path


FORMS = (own_form, german_excel, tabs_of_windows, pandas_with_index, audformat, audformat_parquet)
FORMS += (opensoundscape, raven, workbook, parquet_of_lists, json_lines, gzip_of_milliseconds)


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_read_as_the_same_clips(tmp_path, form):
    table = read_labels(form(tmp_path))
    assert table.paths == [tmp_path / name for name in PATHS]
    assert table.emotions == EMOTIONS
    np.testing.assert_array_equal(table.targets, np.float32(SHARES))
    assert (table.speakers, table.splits) == (SPEAKERS, SPLITS)
    np.testing.assert_allclose(table.start_s, START_S, atol=1e-9)
    np.testing.assert_allclose(table.end_s, END_S, atol=1e-9)
    assert table.single_label


@pytest.mark.parametrize(
    ("form", "row"), [(own_form, 3), (german_excel, 4), (workbook, 5), (parquet_of_lists, 2), (json_lines, 2)]
)
def test_an_error_names_the_row_that_the_reader_of_the_file_sees(tmp_path, monkeypatch, form, row):
    monkeypatch.setitem(globals(), "END_S", [1.5, 1.0, 1.0, 62.5])
    with pytest.raises(LabelsError, match=r"ends at 1 s|'-0.5' is not a time") as caught:
        read_labels(form(tmp_path))
    assert caught.value.row == row
