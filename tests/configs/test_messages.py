import os

import pytest

from emoclr.configs.messages import count_of, perhaps, readable, some, suggestion


def test_a_name_of_any_bytes_is_one_line_of_text():
    assert readable("a\r\nb.wav") == "a\\r\\nb.wav"
    assert readable(os.fsdecode(b"f\xff.wav")) == "f\\xff.wav"
    assert readable("\x1b[31m\x9b\x07\u202e\u2028\ud800") == "\\x1b[31m\\x9b\\x07\\u202e\\u2028\\ud800"


@pytest.mark.parametrize(
    "name", ["grüezi.wav", "خوشی\u200cها.wav", "喜び 👩\u200d🎤.wav", "a\u00a0b.wav", "[/x] :smile:"]
)
def test_what_a_terminal_shows_stays_as_it_is(name):
    assert readable(name) == name


@pytest.mark.parametrize(("number", "text"), [(0, "0 clips"), (1, "1 clip"), (2_000, "2,000 clips")])
def test_one_thing_is_singular(number, text):
    assert count_of(number, "clip") == text


def test_of_a_long_list_the_first_are_named_and_the_others_counted():
    assert some(["a", "b"]) == "a, b"
    assert some([str(number) for number in range(2_005)]) == "0, 1, 2, 3, 4 and 2,000 more"


@pytest.mark.parametrize(
    ("name", "known", "meant"),
    [("PATH", ["speaker", "Path"], "Path"), ("jo", ["joy"], "joy"), ("gain", ["Gain", "gain_db"], "Gain")],
)
def test_the_nearest_name_is_named_whatever_its_capitals(name, known, meant):
    assert perhaps(name, known) == suggestion(meant) == f" (perhaps '{meant}'?)"


def test_several_near_names_are_named_on_request():
    assert perhaps("resnet10", ["resnet10t", "resnet18", "vgg"], shown=2) == " (perhaps 'resnet10t' or 'resnet18'?)"


def test_a_name_unlike_any_other_gets_no_guess():
    assert perhaps("zzz", ["epochs"]) == suggestion() == ""
