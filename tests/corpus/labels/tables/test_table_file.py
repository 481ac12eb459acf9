import gzip

import numpy as np
import openpyxl
import pytest
import soundfile as sf

from emoclr.corpus.labels.labels_csv import read_clips, read_labels
from emoclr.corpus.labels.tables.delimited_text import REMARK
from emoclr.corpus.labels.tables.table_file import read_table
from emoclr.corpus.labels.tables.text_table import LabelsError


def test_windows_text_is_said_to_be_that_and_names_of_files_keep_their_bytes(tmp_path):
    path = tmp_path / "labels.csv"
    path.write_bytes("path,joy,place\na.wav,1,Köln\n".encode("cp1252"))
    table = read_labels(path)
    assert (table.groups, table.reading.remarks) == ({"place": ["Köln"]}, (REMARK,))
    path.write_bytes("path,joy,place\nKöln.wav,1,Köln\n".encode())
    assert read_labels(path).reading.remarks == ()
    path.write_bytes("path,joy\nKöln.wav,1\n".encode("cp1252"))
    assert read_labels(path).paths == [tmp_path / "Köln.wav"]
    raw = tmp_path.joinpath("x").with_name(b"K\xf6ln.wav".decode(errors="surrogateescape"))
    raw.touch()
    assert read_labels(path).paths == read_clips(path).paths == [raw]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_the_separator_and_the_encoding_are_found(tmp_path, encoding, separator):
    path = tmp_path / "labels.csv"
    lines = [["path", "joy", "say; what, then"], ["Übung.wav", "1", ""]]
    quoted = [[f'"{cell}"' if separator in cell else cell for cell in line] for line in lines]
    path.write_bytes("".join(separator.join(line) + "\r\n" for line in quoted).encode(encoding))
    assert read_table(path).columns == {name: [cell] for name, cell in zip(*lines, strict=True)}


def test_a_decimal_comma_is_read_where_commas_do_not_separate(write_csv):
    table = read_labels(write_csv("path;joy;start;end;age", "a.wav;0,25;1,5;2,125;30,5"))
    assert (table.targets.tolist(), table.start_s.tolist(), table.end_s.tolist()) == ([[0.25]], [1.5], [2.125])
    assert table.groups == {"age": ["30.5"]}


def test_a_decimal_comma_in_quotes_is_read_between_commas_and_thousands_are_not(write_csv):
    """As LibreOffice writes a table where numbers have decimal commas."""
    table = read_labels(write_csv("path,joy,fear,hertz", 'a.wav,"0,5",0,"1,500"', 'b.wav,"0,125",1,"2,5"'))
    assert table.emotions == ["joy", "fear"]
    assert table.targets.tolist() == [[0.5, 0.0], [0.125, 1.0]]
    assert table.groups == {"hertz": ["1,500", "2.5"]}


@pytest.mark.parametrize(
    ("text", "row", "problem"),
    [
        ("a.wav,1,ann\nb.wav,0,bob\n", 1, "has no header: this is a.wav, 1, ann"),
        ("\n0.5,1.5,2\n1,2,3\n", 2, "has no header"),
        ("path,jo\x00y\na.wav,1\n", 1, "is no text"),
        ("path,\x1b[31mjoy\na.wav,1\n", 1, "is no text"),
        ('{"path": "a.wav", "joy": 1}\n{"path": \n', 2, "no JSON"),
        ('{"path": "a.wav", "joy": 1}\n[1]\n', 2, "no JSON object"),
    ],
)
def test_a_header_that_is_none_is_told_with_its_line(tmp_path, text, row, problem):
    path = tmp_path / "labels.csv"
    path.write_text(text)
    with pytest.raises(LabelsError, match=problem) as caught:
        read_labels(path)
    assert caught.value.row == row


def test_files_that_are_no_tables_are_told(tmp_path):
    sf.write(tmp_path / "a.wav", np.zeros(1000), 16_000)
    for start in (b"", b"PAR1", b"PK\x03\x04", b"\x1f\x8b", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"\xff\xfe", b"{"):
        path = tmp_path / "labels.csv"
        path.write_bytes(start + (tmp_path / "a.wav").read_bytes())
        with pytest.raises(LabelsError):
            read_labels(path)


def test_the_content_of_a_file_decides_and_not_its_ending(tmp_path):
    path = tmp_path / "labels.csv"
    book = openpyxl.Workbook()
    for row in (["path", "joy", None], [None] * 3, ["a.wav", True, None]):
        book.active.append(row)
    book.save(tmp_path / "labels.xlsx")
    path.write_bytes(gzip.compress((tmp_path / "labels.xlsx").read_bytes()))
    table = read_table(path)
    assert (table.columns, table.lines) == ({"path": ["a.wav"], "joy": ["true"]}, [3])
    assert read_labels(path).targets.tolist() == [[1.0]]


def test_a_label_track_is_of_the_recording_beside_it(tmp_path):
    track = tmp_path / "take 1.txt"
    track.write_text("0.000000\t1.500000\tjoy\n\\\t100.000000\t2000.000000\n1.500000\t2.750000\tanger;joy\n")
    with pytest.raises(LabelsError, match="of the same name; there is none"):
        read_labels(track)
    (tmp_path / "take 1.flac").touch()
    table = read_labels(track)
    assert (table.paths, table.emotions) == ([tmp_path / "take 1.flac"] * 2, ["anger", "joy"])
    assert (table.start_s.tolist(), table.end_s.tolist()) == ([0, 1.5], [1.5, 2.75])
    assert table.targets.tolist() == [[0, 1], [1, 1]]
    (tmp_path / "take 1.wav").touch()
    with pytest.raises(LabelsError, match=r"there are take 1\.flac, take 1\.wav"):
        read_labels(track)


def test_columns_without_a_name_are_left_out_where_they_say_nothing(write_csv):
    assert list(read_table(write_csv(",path,joy,", "5,a.wav,1,", "7,b.wav,0,")).columns) == ["path", "joy"]
    with pytest.raises(LabelsError, match="column 4 of the header has no name"):
        read_table(write_csv(",path,joy,", "5,a.wav,1,", "7,b.wav,0,9"))
