import pytest

from configs.errors import ConfigError
from corpus.labels import read_clips, write_labels
from corpus.scan import find_audio, index_of, scan, summary_of


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
    assert find_audio([tmp_path / "corpus"]) == [tmp_path / "corpus" / "linked" / "a.wav"]


def test_a_file_named_outright_is_taken_whatever_its_ending(tmp_path):
    (tmp_path / "voice.dat").touch()
    assert find_audio([tmp_path / "voice.dat"]) == [tmp_path / "voice.dat"]


def test_a_folder_that_does_not_exist_is_an_error(tmp_path):
    with pytest.raises(ConfigError, match="nowhere: no such file or folder"):
        find_audio([tmp_path / "nowhere"])


def test_the_index_keeps_what_is_readable_and_says_why_the_rest_is_not(tmp_path, write_tone):
    good = write_tone("good.flac", rate=44_100, duration_s=1.5, channels=(1.0, 1.0))
    (tmp_path / "empty.wav").touch()
    rows = scan(find_audio([tmp_path]))
    by_name = {row.path.name: row for row in rows}
    assert by_name["good.flac"].status == "ok"
    assert by_name["good.flac"].duration_s == pytest.approx(1.5)
    assert (by_name["good.flac"].sample_rate, by_name["good.flac"].channels) == (44_100, 2)
    assert (by_name["empty.wav"].status, by_name["empty.wav"].reason) == ("set aside", "empty file (0 bytes)")
    summary = "\n".join(summary_of(rows))
    assert "1 recordings" in summary and "1 set aside" in summary and "1 × empty file" in summary

    write_labels(tmp_path / "index.csv", index_of(rows))
    assert (tmp_path / "index.csv").read_text().splitlines()[0] == (
        "path,duration_s,sample_rate,channels,status,reason"
    )
    assert read_clips(tmp_path / "index.csv").paths == [good]
