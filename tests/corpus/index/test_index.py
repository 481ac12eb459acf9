import csv
import os

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from emoclr.configs.errors import ConfigError, EmoclrError
from emoclr.corpus.index.index_file import IndexRow, is_index, read_index_table, table_of, write_index

ODD_NAMES = [
    b"plain.wav",
    b'with, comma "quoted".wav',
    b"line\nbreak\r.wav",
    b" blanks .wav",
    b"caf\xe9.wav",
    "é.wav".encode(),
]


def row(path: bytes, **changes: object) -> IndexRow:
    good = IndexRow(path, 32_044, 1_700_000_000_123_456_789, "0a" * 16, 1.0, 16_000, 1, -9.03, -6.02, "ok", "")
    return good._replace(**changes)


@pytest.fixture(params=[".parquet", ".csv"])
def index_path(request, tmp_path):
    return tmp_path / f"index{request.param}"


def test_every_name_that_a_file_can_have_comes_back(index_path):
    below = [os.fsencode(index_path.parent) + b"/deep/" + name for name in ODD_NAMES]
    elsewhere = [b"/somewhere/" + name for name in ODD_NAMES]
    write_index(index_path, table_of([row(name) for name in below + elsewhere]))
    assert read_index_table(index_path)["path"].to_pylist() == below + elsewhere


def test_every_cell_comes_back(index_path):
    rows = [
        row(b"/a.wav", rms_db=float("-inf"), peak_db=float("-inf"), duration_s=0.1234),
        row(
            b"/b.wav", fingerprint=None, size=None, modified=None, duration_s=None, sample_rate=None, channels=None
        )._replace(rms_db=None, peak_db=None, status="set aside", reason='so, "it" is\nbroken'),
    ]
    write_index(index_path, table_of(rows))
    table = read_index_table(index_path)
    assert table.equals(table_of(rows))
    assert table["size"].to_pylist() == [32_044, None]
    assert table["rms_db"].to_pylist() == [float("-inf"), None]
    assert table["fingerprint"].to_pylist() == ["0a" * 16, None]
    assert table["reason"].to_pylist() == ["", 'so, "it" is\nbroken']


def test_an_index_and_the_recordings_below_it_move_together(index_path):
    below = os.fsencode(index_path.parent) + b"/a.wav"
    write_index(index_path, table_of([row(below), row(b"/elsewhere/b.wav")]))
    moved = index_path.parent / "moved" / index_path.name
    moved.parent.mkdir()
    index_path.rename(moved)
    assert read_index_table(moved)["path"].to_pylist() == [os.fsencode(moved.parent) + b"/a.wav", b"/elsewhere/b.wav"]


def test_only_the_columns_asked_for_are_read(index_path):
    write_index(index_path, table_of([row(b"/a.wav")]))
    assert read_index_table(index_path, ["size", "path"]).to_pydict() == {"size": [32_044], "path": [b"/a.wav"]}
    assert read_index_table(index_path, ["duration_s"]).to_pydict() == {"duration_s": [1.0]}


def test_an_index_without_recordings_is_one(index_path):
    write_index(index_path, table_of([]))
    assert read_index_table(index_path).equals(table_of([]))


def test_parquet_shows_names_as_text_to_other_tools(tmp_path):
    write_index(tmp_path / "index.parquet", table_of([row(b"/a.wav"), row(b"/caf\xe9.wav")]))
    table = pq.read_table(tmp_path / "index.parquet")
    assert table["path"].to_pylist() == ["/a.wav", "/caf\\xe9.wav"]
    assert table["path_bytes"].to_pylist() == [None, b"/caf\xe9.wav"]


def test_csv_is_what_the_csv_module_reads(tmp_path):
    names = [b"/" + name for name in ODD_NAMES]
    write_index(tmp_path / "index.csv", table_of([row(name) for name in names]))
    with (tmp_path / "index.csv").open(newline="", encoding="utf-8", errors="surrogateescape") as file:
        rows = list(csv.DictReader(file))
    assert [os.fsencode(cells["path"]) for cells in rows] == names
    assert (float(rows[0]["rms_db"]), int(rows[0]["modified"])) == (-9.03, 1_700_000_000_123_456_789)


def test_more_rows_than_are_held_at_once_keep_their_order(index_path):
    names = [b"/%06d.wav" % number for number in range(70_000)]
    write_index(index_path, table_of([row(name) for name in names]))
    assert read_index_table(index_path, ["path"])["path"].equals(pa.chunked_array([pa.array(names, pa.large_binary())]))


def test_labels_are_no_index(tmp_path, write_csv):
    write_index(tmp_path / "index.csv", table_of([row(b"/a.wav")]))
    assert is_index(tmp_path / "index.csv")
    assert not is_index(write_csv("path,joy", "a.wav,1"))
    assert not is_index(tmp_path / "missing.csv")
    assert not is_index(tmp_path / "missing.parquet")


def test_what_is_no_index_is_named(tmp_path, write_csv):
    with pytest.raises(ConfigError, match=r"nowhere.parquet: no such file"):
        read_index_table(tmp_path / "nowhere.parquet")
    with pytest.raises(EmoclrError, match=r"labels.csv: is no index of `corpus scan`: it has no column 'size'"):
        read_index_table(write_csv("path,joy", "a.wav,1"))
    pq.write_table(pa.table({"path": ["a.wav"]}), tmp_path / "other.parquet")
    with pytest.raises(EmoclrError, match=r"other.parquet: is no index of `corpus scan`: it has no column 'size'"):
        read_index_table(tmp_path / "other.parquet")
    (tmp_path / "text.parquet").write_text("text")
    with pytest.raises(EmoclrError, match=r"text.parquet: cannot be read as an index"):
        read_index_table(tmp_path / "text.parquet")
