import matplotlib.figure
import numpy as np
import pytest
import soundfile as sf
from matplotlib.image import imread

from emoclr.augment.cli import main

RATE = 16_000


@pytest.fixture
def recording(tmp_path, voice):
    path = tmp_path / "voice.wav"
    sf.write(path, voice(145, 1.5), RATE)
    return path


@pytest.fixture
def drawn(monkeypatch):
    """The figures that were saved."""
    figures = []
    save = matplotlib.figure.Figure.savefig

    def keep(figure, *arguments, **options):
        figures.append(figure)
        save(figure, *arguments, **options)

    monkeypatch.setattr(matplotlib.figure.Figure, "savefig", keep)
    return figures


def preview(*arguments):
    return main(["preview", *map(str, arguments), "--config", "simclr-small.yaml"])


def test_a_picture_shows_the_clip_and_its_views_with_axes_in_seconds_and_hertz(recording, tmp_path, drawn, capsys):
    out = tmp_path / "pictures" / "views.png"
    assert preview(recording, "--out", out, "--views", 2, "crop_s=0.5") == 0
    assert str(out) in capsys.readouterr().err
    height, width, _ = imread(out).shape
    assert width > height > 400
    axes = np.array(drawn[0].axes).reshape(3, 3)
    assert [axis.get_title() for axis in axes[0]] == ["the clip", "view 1", "view 2"]
    assert [axis.get_ylabel() for axis in axes[:, 0]] == ["mel (Hz)", "chroma (pitch class)", "STFT (Hz)"]
    assert {axis.get_xlabel() for axis in axes[2]} == {"time (s)"}
    assert axes[0, 0].get_xlim() == pytest.approx((0, 1.5))
    for axis in axes[:, 1:].flat:
        start_s, end_s = axis.get_xlim()
        assert start_s >= 0 and end_s <= 1.5 and end_s - start_s == pytest.approx(0.5)
    ticks = {label.get_text() for label in axes[0, 0].get_yticklabels()}
    assert ticks == {"250", "500", "1000", "2000", "4000"}
    assert drawn[0].get_suptitle() == "voice.wav"


def test_a_tone_lies_at_its_own_height(tmp_path, drawn):
    sf.write(tmp_path / "tone.wav", 0.5 * np.sin(2 * np.pi * 2_000 * np.arange(RATE) / RATE), RATE)
    assert preview(tmp_path / "tone.wav", "--out", tmp_path / "tone.png", "--views", 1, "augment.transforms=[]") == 0
    for axis in (drawn[0].axes[0], drawn[0].axes[4]):  # mel and STFT of the clip
        brightest = int(axis.images[0].get_array().mean(axis=1).argmax()) + 0.5
        places = dict(zip((t.get_text() for t in axis.get_yticklabels()), axis.get_yticks(), strict=True))
        assert brightest == pytest.approx(places["2000"], abs=1.5)


def test_the_same_seed_draws_the_same_picture_and_another_draws_another(recording, tmp_path):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        assert preview(recording, "--out", tmp_path / f"{name}.png", "--seed", seed, "crop_s=0.5") == 0
    a, b, c = (imread(tmp_path / f"{name}.png") for name in "abc")
    np.testing.assert_array_equal(a, b)
    assert not np.array_equal(a, c)


def test_a_clip_shorter_than_a_view_and_a_name_full_of_signs_are_drawn(tmp_path, voice, monkeypatch):
    monkeypatch.chdir(tmp_path)
    sf.write(tmp_path / r"$a_{b$ \x^.wav", voice(145, 0.05), RATE)
    assert preview(tmp_path / r"$a_{b$ \x^.wav", "--views", 1) == 0
    assert (tmp_path / r"$a_{b$ \x^-views.png").is_file()


def test_overrides_may_stand_before_and_after_options(recording, tmp_path, drawn):
    out = ("--out", tmp_path / "a.png")
    assert preview("--views", 1, recording, "augment.masks.time_masks=0", *out, "crop_s=0.25") == 0
    start_s, end_s = drawn[0].axes[1].get_xlim()
    assert end_s - start_s == pytest.approx(0.25)


def test_what_is_unsafe_is_warned_of(recording, tmp_path, capsys):
    transforms = "augment.transforms=[{name: Reverse, p: 1}]"
    command = (recording, "--out", tmp_path / "a.png", "--views", 1, "crop_s=0.5", transforms)
    assert preview(*command) == 2
    assert "Reverse is refused: sound is serial" in capsys.readouterr().err
    assert preview(*command, "augment.allow_unsafe=true") == 0
    assert "warning: unsafe augmentation: Reverse: sound is serial" in capsys.readouterr().err


@pytest.mark.parametrize(("content", "code"), [(None, 2), (b"", 1), (b"no recording at all", 1)])
def test_a_file_that_is_no_recording_is_named(tmp_path, content, code, capsys):
    path = tmp_path / "wrong.wav"
    if content is not None:
        path.write_bytes(content)
    assert preview(path, "--out", tmp_path / "a.png") == code
    assert capsys.readouterr().err.splitlines()[-1].startswith(f"error: {path}: ")
    assert not (tmp_path / "a.png").exists()


@pytest.mark.parametrize("wrong", [["--views", "0"], ["--views", "13"], ["crop=1"], ["augment.positives=far"]])
def test_arguments_that_cannot_be_are_two(recording, tmp_path, wrong):
    assert preview(recording, "--out", tmp_path / "a.png", *wrong) == 2


@pytest.mark.parametrize("place", ["before", "after"])
def test_debug_shows_the_error_itself(tmp_path, place):
    command = ["preview", str(tmp_path / "none.wav"), "--config", "simclr-small.yaml"]
    with pytest.raises(Exception, match=r"none\.wav"):
        main(["--debug", *command] if place == "before" else [*command, "--debug"])
