import io
import json
import tarfile

import pytest

from emoclr.configs.errors import ConfigError, EmoclrError
from emoclr.corpus.tars.members import MAX_MEMBER_BYTES, open_url
from emoclr.corpus.tars.tar import (
    BrokenTar,
    TarCard,
    card_name,
    is_tar,
    read_card,
    read_samples,
    write_card,
    write_tar,
)


def members(*keys):
    for key in keys:
        yield f"{key}.wav", f"audio of {key}".encode()
        yield f"{key}.json", json.dumps({"speaker": f"speaker of {key}"}).encode()


@pytest.fixture
def tar(tmp_path):
    path = tmp_path / "a.tar"
    write_tar(path, members("one", "two", "three"))
    return path


def test_samples_come_as_they_were_written(tar):
    samples = list(read_samples(str(tar)))
    assert [(sample.key, sample.audio, sample.speaker, sample.problem) for sample in samples] == [
        (key, f"audio of {key}".encode(), f"speaker of {key}", "") for key in ("one", "two", "three")
    ]
    assert [sample.key for sample in read_samples(str(tar), first=2)] == ["three"]


def test_the_same_members_make_the_same_bytes(tar, tmp_path):
    digest = write_tar(tmp_path / "b.tar", members("one", "two", "three"))
    assert (tmp_path / "b.tar").read_bytes() == tar.read_bytes()
    assert write_tar(tmp_path / "c.tar", members("one", "two", "four")) != digest


def test_what_a_clip_draws_from_follows_from_its_key_alone(tar, tmp_path):
    write_tar(tmp_path / "b.tar", members("three", "one"))
    numbers = {sample.key: sample.number for sample in read_samples(str(tar))}
    assert len(set(numbers.values())) == 3 and all(0 <= number < 2**63 for number in numbers.values())
    for sample in read_samples(str(tmp_path / "b.tar")):
        assert sample.number == numbers[sample.key]


@pytest.mark.parametrize("compression", ["", "gz"])
def test_tars_of_other_makers_are_read(tmp_path, compression):
    path = tmp_path / "foreign.tar"
    with tarfile.open(path, f"w:{compression}") as tar:
        for name, content in [("x/1.MP3", b"sound"), ("x/1.txt", b"text"), ("x/2.flac", b"more")]:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    assert [(sample.key, sample.audio, sample.speaker) for sample in read_samples(str(path))] == [
        ("x/1", b"sound", None),
        ("x/2", b"more", None),
    ]


def test_a_sample_without_a_recording_says_so_and_the_others_are_read(tmp_path):
    write_tar(
        tmp_path / "a.tar", [("one.json", b"{}"), ("two.json", b"{no JSON"), ("two.wav", b""), ("x.wav", b"good")]
    )
    assert [(sample.key, sample.audio, sample.problem) for sample in read_samples(str(tmp_path / "a.tar"))] == [
        ("one", b"", "no recording in it, only json"),
        ("two", b"", "is not JSON"),
        ("x", b"good", ""),
    ]


def test_a_truncated_tar_gives_what_is_whole_and_then_says_that_it_breaks_off(tar):
    # Two members of a header and one block each make a sample; the cut is in the second sample's recording.
    tar.write_bytes(tar.read_bytes()[: 4 * 512 + 512 + 5])
    read = []
    with pytest.raises(BrokenTar, match="unexpected end of data") as caught:
        for sample in read_samples(str(tar)):
            read.append(sample.key)
    assert read == ["one"]
    assert caught.value.url == str(tar)


@pytest.mark.parametrize("content", [None, b"", b"no tar at all" * 100])
def test_what_is_no_tar_is_named(tmp_path, content):
    path = tmp_path / "a.tar"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(BrokenTar, match=r"a\.tar"):
        list(read_samples(str(path)))


def archive(path, *members, compression="", **options):
    """A tar of named contents, or of headers that are written as they are."""
    with tarfile.open(path, f"w:{compression}", **options) as tar:
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                tar.addfile(member)
            else:
                name, content = member
                header = tarfile.TarInfo(name)
                header.size = len(content)
                tar.addfile(header, io.BytesIO(content))
    return path


def read(path):
    return [(sample.key, sample.audio, sample.speaker, sample.problem) for sample in read_samples(str(path))]


def test_every_recording_is_a_clip_though_webdataset_gives_several_one_key(tmp_path):
    path = archive(
        tmp_path / "a.tar",
        ("v1.0/take.1.wav", b"1"),
        ("v1.0/take.2.wav", b"2"),
        ("v1.0/take.2.json", b'{"speaker": "ben"}'),
        ("v1.0/take.json", b'{"speaker": "anna"}'),
        ("v1.0/take.txt", b"text"),
        ("both.flac", b"3"),
        ("both.WAV", b"4"),
        ("only.near.wav", b"5"),
        ("only.json", b'{"speaker": "cem"}'),
        ("._only.near.wav", b"a Mac's notes"),
    )
    assert read(path) == [
        ("v1.0/take.1", b"1", "anna", ""),
        ("v1.0/take.2", b"2", "ben", ""),
        ("both.flac", b"3", None, ""),
        ("both.WAV", b"4", None, ""),
        ("only", b"5", "cem", ""),
    ]
    assert len({sample.number for sample in read_samples(str(path))}) == 5


def test_a_member_whose_name_is_no_utf8_is_read(tmp_path):
    path = archive(tmp_path / "a.tar", ("caf\udce9.wav", b"1"), ("x.wav", b"2"))
    first, second = read_samples(str(path))
    assert (first.key, first.audio, second.key) == ("caf\udce9", b"1", "x")
    assert first.name.endswith(r"a.tar: caf\xe9.wav") and 0 <= first.number != second.number


def read_broken(path):
    """The keys of a tar that is not whole, and what is told of it."""
    keys = []
    with pytest.raises(BrokenTar) as caught:
        for sample in read_samples(str(path)):
            keys.append(sample.key)
    return "".join(keys), caught.value.reason


@pytest.mark.parametrize(("member", "others"), enumerate(["bc", "ac", "ab"]))
def test_a_damaged_header_costs_its_file_and_is_told(tmp_path, member, others):
    path = archive(tmp_path / "a.tar", *((f"{name}.wav", name.encode() * 600) for name in "abc"))
    content = bytearray(path.read_bytes())
    content[member * 3 * 512 + 100] ^= 1
    path.write_bytes(content)
    assert read_broken(path) == (others, "1 damaged header, and as many files lost")


def header(name, size=0, kind=tarfile.REGTYPE, **more):
    made = tarfile.TarInfo(name)
    made.type = kind
    for key, value in {**more, "size": size}.items():
        setattr(made, key, value)
    return made


def of_size(size):
    """A header that claims a size, of a tar that goes on behind it."""
    return header("huge.wav", size).tobuf(tarfile.GNU_FORMAT)


@pytest.mark.parametrize("size", [MAX_MEMBER_BYTES + 1, 10**15, 2**80, -512, -(2**70)])
def test_an_absurd_size_costs_its_member(tmp_path, size):
    path = archive(tmp_path / "a.tar", ("a.wav", b"1"), ("b.wav", b"2"))
    content = path.read_bytes()
    path.write_bytes(content[:1024] + of_size(size) + content[1024:])
    problem = f"has {size:,} bytes by its header, and at most {MAX_MEMBER_BYTES:,} are read"
    assert read(path) == [("a", b"1", None, ""), ("huge", b"", None, problem), ("b", b"2", None, "")]


def test_a_link_is_told(tmp_path):
    path = archive(tmp_path / "a.tar", ("a.wav", b"1"), header("b.wav", kind=tarfile.LNKTYPE, linkname="a.wav"))
    assert read(path)[1] == ("b", b"", None, "is a link to a.wav; write the tar without links")


@pytest.mark.parametrize("compression", ["", "gz"])
def test_tars_that_were_joined_are_read_to_the_end(tmp_path, compression):
    parts = [archive(tmp_path / name, (f"{name}.wav", b"1"), compression=compression) for name in "ab"]
    joined = tmp_path / (f"c.tar.{compression}" if compression else "c.tar")
    joined.write_bytes(b"".join(part.read_bytes() for part in parts))
    assert [key for key, *_ in read(joined)] == ["a", "b"]


@pytest.mark.parametrize("cut", [2 * 1024, 2 * 1024 + 100])
def test_a_tar_that_is_cut_between_two_members_breaks_off(tmp_path, cut):
    path = archive(tmp_path / "a.tar", *((f"{name}.wav", b"1") for name in "abc"))
    path.write_bytes(path.read_bytes()[:cut])
    assert read_broken(path) == ("ab", "unexpected end of data")


@pytest.mark.parametrize("content", [b"{no JSON", b"[" * 100_000, b"\xff"])
def test_a_json_that_is_none_costs_its_sample(tmp_path, content):
    path = archive(tmp_path / "a.tar", ("a.json", content), ("a.wav", b"1"), ("b.wav", b"2"))
    assert read(path) == [("a", b"", None, "is not JSON"), ("b", b"2", None, "")]


def test_tars_are_read_from_whatever_fsspec_opens(tar):
    import fsspec

    fsspec.filesystem("memory").pipe("/bucket/a.tar", tar.read_bytes())
    assert [sample.key for sample in read_samples("memory://bucket/a.tar")] == ["one", "two", "three"]
    with pytest.raises(BrokenTar, match=r"memory://bucket/b\.tar"):
        list(read_samples("memory://bucket/b.tar"))


def test_a_url_that_nothing_installed_reads_is_an_error_of_the_config():
    with pytest.raises(ConfigError, match=r"nowhere://a\.tar"):
        open_url("nowhere://a.tar")


def test_no_url_runs_a_command(tmp_path):
    (tmp_path / "pipe:touch ran.tar").write_bytes(b"")
    with pytest.raises(EmoclrError):
        list(read_samples(f"pipe:touch {tmp_path}/ran.tar"))
    assert not (tmp_path / "ran.tar").exists()


def test_a_card_comes_back_and_a_tar_without_one_has_none(tar):
    assert read_card(str(tar)) is None
    card = TarCard(clips=3, duration_s=1.5, size_bytes=10, digest="ab", split="train", set_aside=[("x.wav", "empty")])
    write_card(tar, card)
    assert read_card(str(tar)) == card


def test_a_card_with_bytes_that_are_no_utf8_can_be_read(tar):
    card = TarCard(clips=0, duration_s=0, digest="ab", set_aside=[("caf\udce9.wav", "empty")])
    write_card(tar, card)
    assert read_card(str(tar)) == card


def test_a_broken_card_is_named(tar):
    tar.with_suffix(".json").write_text("{}")
    with pytest.raises(EmoclrError, match=r"a\.json: is not the card of a tar"):
        read_card(str(tar))


def test_tars_are_known_by_their_ending():
    assert all(map(is_tar, ["a.tar", "s3://b/c-{0..9}.TAR", "a.tar.gz", "a.tgz"]))
    assert not any(map(is_tar, ["a.csv", "tar", "a.tar.csv", "recordings"]))
    assert [card_name(name) for name in ("x/a.tar", "a.b.tar.gz", "a.tgz")] == ["x/a.json", "a.b.json", "a.json"]
