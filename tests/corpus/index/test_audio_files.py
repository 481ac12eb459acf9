import os

import pytest

from emoclr.configs.errors import ConfigError
from emoclr.corpus.index.audio_files import AudioWalk, find_audio, list_audio


@pytest.fixture
def touch(tmp_path):
    """Returns touch(*names): empty files below a folder, which is returned."""

    def make(*names):
        for name in names:
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).touch()
        return tmp_path

    return make


@pytest.fixture
def passed_by():
    """Returns passed_by(*folders) -> what a walk passed by."""

    def walk_through(*folders):
        walk = AudioWalk()
        list(walk.through(folders))
        return walk.passed_by()

    return walk_through


def test_recordings_are_found_sorted_at_any_depth(tmp_path):
    names = ["b/Loud.WAV", "a/x.mp3", "a/deep/y.ogg", "z.flac"]
    others = ["a/notes.txt", ".hidden.wav", ".cache/x.wav", "a/x.mp3.part"]
    for name in names + others:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert find_audio([tmp_path]) == sorted(tmp_path / name for name in names)
    assert find_audio([tmp_path, tmp_path / "a"]) == find_audio([tmp_path])


def test_links_are_followed_and_loops_end(tmp_path):
    (tmp_path / "corpus").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "a.wav").touch()
    (tmp_path / "corpus" / "up").symlink_to(tmp_path / "corpus")
    (tmp_path / "corpus" / "linked").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "corpus" / "itself").symlink_to(tmp_path / "corpus" / "itself")
    assert find_audio([tmp_path / "corpus"]) == [tmp_path / "corpus" / "linked" / "a.wav"]


def test_a_file_named_outright_is_taken_whatever_its_ending(tmp_path):
    (tmp_path / "voice.dat").touch()
    assert find_audio([tmp_path / "voice.dat"]) == [tmp_path / "voice.dat"]


def test_a_folder_that_does_not_exist_is_an_error(tmp_path):
    with pytest.raises(ConfigError, match="nowhere: no such file or folder"):
        find_audio([tmp_path / "nowhere"])


def test_what_does_not_end_as_recordings_do_is_counted_by_its_ending(touch, passed_by):
    folder = touch("a.mid", "b.MID", "notes.txt", "README", "x.1", "x.2", "x.3\n", "corpus.tar.gz")
    others = r"2 .mid, 1 (no ending), 1 .gz (unpack it), 1 .txt, 1 .1, 1 .2, 1 .3\n"
    assert sorted(passed_by(folder)[0].partition(": ")[2].split(", ")) == sorted(others.split(", "))


def test_what_is_hidden_counts_where_it_is_or_holds_recordings(touch, passed_by):
    folder = touch("a.wav", ".notes.txt", ".git/config", ".b.wav", ".old/deep/c.wav", ".old/d.wav")
    (line,) = passed_by(folder)
    assert line == f"passed by, since they are hidden: 2 (such as {folder / '.b.wav'})"


def test_what_macos_puts_into_its_zips_is_no_recording(touch, passed_by):
    folder = touch("voices/a.wav", "voices/._a.wav", "__MACOSX/voices/._a.wav", "__MACOSX/._voices")
    assert find_audio([folder]) == [folder / "voices/a.wav"]
    (line,) = passed_by(folder)
    assert line.startswith("passed by, since macOS") and ": 3 (such as" in line


def test_links_that_lead_nowhere_are_named_and_those_of_recordings_are_set_aside_later(touch, passed_by):
    folder = touch("a.wav")
    (folder / "corpus").symlink_to(folder / "unmounted")
    (folder / "b.wav").symlink_to(folder / "unmounted/b.wav")
    assert passed_by(folder) == [f"passed by, since they are links that lead nowhere: 1 (such as {folder / 'corpus'})"]
    assert find_audio([folder]) == [folder / "a.wav", folder / "b.wav"]


def test_folders_that_cannot_be_entered_are_named_with_the_reason(touch, passed_by, monkeypatch):
    folder = touch("a.wav", "private/b.wav")
    scandir = os.scandir

    def refuse(place):
        if str(place).endswith("private"):
            raise PermissionError(13, "Permission denied", place)
        return scandir(place)

    monkeypatch.setattr(os, "scandir", refuse)
    assert passed_by(folder) == [
        f"passed by, since they cannot be entered (Permission denied): 1 (such as {folder / 'private'})"
    ]


@pytest.mark.parametrize("find", [find_audio, list_audio])
def test_every_walk_says_what_it_passed_by_and_which_folder_holds_nothing(find, touch, capsys):
    folder = touch("voices/a.wav", "voices/a.txt", "films/notes.txt", "films/.b.wav")
    assert len(find([folder / "voices", folder / "films"])) == 1
    assert capsys.readouterr().err.splitlines() == [
        f"no recordings in {folder / 'films'}",
        "passed by, since they do not end as recordings do: 2 .txt",
        f"passed by, since they are hidden: 1 (such as {folder / 'films/.b.wav'})",
    ]


@pytest.mark.parametrize("find", [find_audio, list_audio])
@pytest.mark.parametrize(
    ("names", "told"),
    [(["a.txt", "b.zip", ".c.wav"], ["1 .txt, 1 .zip (unpack it)", ".c.wav"]), ([], ["nothing is there"])],
)
def test_no_recordings_are_an_error_that_says_what_is_there(find, names, told, touch):
    with pytest.raises(ConfigError, match="no recordings in") as caught:
        find([touch(*names)])
    assert all(words in str(caught.value) for words in told) and "\n" not in str(caught.value)


@pytest.mark.parametrize(("name", "told"), [("a.zip", "unpack it"), ("labels.csv", "give the folder")])
def test_an_archive_or_a_table_is_no_recording(name, told, touch):
    with pytest.raises(ConfigError, match=f"{name}: is an .*{told}|{name}: is a .*{told}"):
        find_audio([touch(name) / name])
