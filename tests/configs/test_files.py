import os
import stat

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emoclr.configs import files
from emoclr.configs.errors import ConfigError, EmoclrError
from emoclr.configs.files import parse_json, read_yaml, write_atomically, write_text, write_yaml


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("error", [ValueError("no"), OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_writer_that_fails_leaves_the_old_file_and_nothing_else(tmp_path, error):
    path = tmp_path / "file.txt"
    path.write_text("old")

    def write_half(temporary):
        temporary.write_text("ne")
        raise error

    with pytest.raises((type(error), EmoclrError)):
        write_atomically(path, write_half)
    assert path.read_text() == "old"
    assert names_in(tmp_path) == ["file.txt"]


def test_a_full_disk_is_told_with_the_file(tmp_path):
    def write(temporary):
        raise OSError(28, "No space left on device")

    with pytest.raises(EmoclrError, match=r"model\.bin: cannot be written: No space left on device"):
        write_atomically(tmp_path / "model.bin", write)


def test_a_reader_sees_the_old_file_until_the_new_one_is_whole(tmp_path):
    path = tmp_path / "file.txt"
    path.write_text("old")

    def write(temporary):
        temporary.write_text("new")
        assert path.read_text() == "old"
        assert temporary.parent == tmp_path

    write_atomically(path, write)
    assert path.read_text() == "new"
    assert names_in(tmp_path) == ["file.txt"]


def test_folders_are_made_and_others_may_read(tmp_path):
    before = os.umask(0o027)
    try:
        write_text(tmp_path / "a" / "b" / "file.txt", "grüezi")
    finally:
        os.umask(before)
    written = tmp_path / "a" / "b" / "file.txt"
    assert written.read_bytes() == "grüezi".encode()
    assert stat.S_IMODE(written.stat().st_mode) == 0o640


@pytest.mark.parametrize("place", ["file/below", "folder"])
def test_a_place_that_cannot_be_written_is_named(tmp_path, place):
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    with pytest.raises(EmoclrError, match=f"{place}: cannot be written"):
        write_text(tmp_path / place, "text")
    assert names_in(tmp_path) == ["file", "folder"]


# Control characters and exotic line breaks aside, which PyYAML itself does not give back.
words = st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]) | st.sampled_from("\n\t"), max_size=8)
plain = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | words
contents = st.dictionaries(
    words, plain | st.lists(plain, max_size=3) | st.dictionaries(words, plain, max_size=3), max_size=4
)


@settings(deadline=None, max_examples=60)
@given(content=contents)
def test_what_is_written_as_yaml_reads_the_same_in_the_same_order(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("yaml") / "file.yaml"
    write_yaml(path, content)
    read = read_yaml(path)
    assert read == content
    assert list(read) == list(content)


def test_an_empty_file_holds_no_keys(tmp_path):
    (tmp_path / "empty.yaml").write_text("# nothing yet\n")
    assert read_yaml(tmp_path / "empty.yaml") == {}


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"epochs: 3\nbackbones: [a, b\nseed: 1\n", "is not YAML: .*line 3"),
        (b"epochs:\t- 3\n", "is not YAML: .*line 1"),
        (b"epochs: 3\nmasks:\n  width: 1\n  width: 2\n", "is not YAML: 'width' stands here twice.*line 4"),
        (b"- a\n- b\n", "holds a list, where keys with values are expected"),
        (b"name: \xff\n", "is not YAML"),
        (b"!!python/object/apply:os.system ['true']\n", "is not YAML: could not determine a constructor"),
        (b"epochs: 3\nsince: 2026-13-45\n", "is not YAML: month must be in 1..12.*line 2, column 8"),
        (b"at: 2026-01-01 25:00:00\n", "is not YAML: hour must be in 0..23.*line 1"),
        (b"epochs: 3\nseed: " + b"9" * 5000, "is not YAML: Exceeds the limit .*line 2"),
        (b"seed: !!int many\n", "is not YAML: invalid literal .*line 1"),
        (b'cache: "a\\0b"\n', "is not YAML: holds a zero byte"),
        (b"a: " + b"[" * 5000, "is not YAML: is nested too deeply"),
        (b"{a: " * 5000, "is not YAML: is nested too deeply"),
    ],
)
def test_what_is_no_mapping_in_yaml_is_told_with_file_and_line(tmp_path, content, told):
    path = tmp_path / "wrong.yaml"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=rf"(?s)wrong\.yaml: {told}"):
        read_yaml(path)


def test_aliases_are_read_and_their_values_count_each_time(tmp_path, monkeypatch):
    path = tmp_path / "card.yaml"
    path.write_text("a: &a [1, 2]\nb: [*a, *a, *a]\n")
    assert read_yaml(path) == {"a": [1, 2], "b": [[1, 2]] * 3}
    # The mapping, two keys, [1, 2] with its two values, and a list of three times that.
    monkeypatch.setattr(files, "MAX_YAML_VALUES", 1 + 2 + 3 + 1 + 9)
    read_yaml(path)
    monkeypatch.setattr(files, "MAX_YAML_VALUES", 1 + 2 + 3 + 1 + 8)
    with pytest.raises(ConfigError, match=r"card\.yaml: is not YAML: holds more than 15 values"):
        read_yaml(path)


def test_an_alias_of_what_it_is_a_part_of_is_refused(tmp_path):
    (tmp_path / "card.yaml").write_text("a: &a [1, *a]\n")
    with pytest.raises(ConfigError, match=r"a part of \(line 1, column 11\)"):
        read_yaml(tmp_path / "card.yaml")


def test_a_large_file_is_refused_before_it_is_parsed(tmp_path, monkeypatch):
    path = tmp_path / "card.yaml"
    path.write_text("a: 1\n")
    monkeypatch.setattr(files, "MAX_YAML_BYTES", 5)
    assert read_yaml(path) == {"a": 1}
    path.write_text("a: [[\n")
    with pytest.raises(ConfigError, match=r"card\.yaml: has more than 5 bytes"):
        read_yaml(path)


def test_what_is_no_file_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "card.yaml")
    with pytest.raises(ConfigError, match=r"card\.yaml: is no file"):
        read_yaml(tmp_path / "card.yaml")


def test_a_file_that_is_not_there_is_told(tmp_path):
    with pytest.raises(ConfigError, match=r"none\.yaml: cannot be read: No such file"):
        read_yaml(tmp_path / "none.yaml")


@pytest.mark.parametrize("content", [b"[" * 100_000, b'{"a":' * 100_000, b"{", b"\xff"])
def test_what_is_no_json_is_an_error_of_one_kind(content):
    with pytest.raises(ValueError):
        parse_json(content)
