import argparse
import io
import sys
from types import SimpleNamespace

import pytest
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

import emoclr.configs.console
from emoclr.configs.command import make_parser, run_command
from emoclr.configs.console import RANKS, results, say, show, track
from emoclr.configs.errors import EmoclrError


@pytest.mark.parametrize("message", ["data/[bold]x[/bold].wav", "a" * 300 + " " + "b" * 300, ":smile: 12.5 'x'"])
def test_talk_goes_to_standard_error_as_it_is(capsys, message):
    say(message)
    assert capsys.readouterr() == ("", message + "\n")


HOSTILE = "a\x1b[31m\x1b]0;t\x07\u202e[/b].wav"


@pytest.mark.parametrize("width", [20, 200])
def test_nothing_steers_the_terminal(monkeypatch, width):
    shown = io.StringIO()
    for stream in ("stderr", "stdout"):
        monkeypatch.setattr(sys, stream, shown)
    monkeypatch.setenv("COLUMNS", str(width))
    table = Table(HOSTILE, "n")
    table.add_row(HOSTILE, Text(HOSTILE))
    results().print(table, Padding(Text(HOSTILE), 1), HOSTILE)
    show(f"{HOSTILE}\nnext")
    say(f"{HOSTILE}\nnext")
    assert not {"\x1b", "\x07", "\u202e"} & set(shown.getvalue())
    assert shown.getvalue().endswith("a\\x1b[31m\\x1b]0;t\\x07\\u202e[/b].wav\\nnext\n" * 2)


def test_an_error_is_a_line_for_each_problem_whatever_is_in_it(capsys):
    def work(arguments):
        raise EmoclrError("a\nerror: b\x1b[2J.wav: no such file", "c")

    assert run_command(work, argparse.Namespace(debug=False)) == 1
    assert capsys.readouterr().err == "error: a\\nerror: b\\x1b[2J.wav: no such file\nc\n"


def test_words_of_the_command_line_are_shown_readable(capsys):
    with pytest.raises(SystemExit):
        make_parser("emoclr", "", "").parse_args(["\x1b[31mred"])
    assert "\x1b" not in capsys.readouterr().err


class Clock:
    """Time that passes when the test says so."""

    def __init__(self):
        self.now_s = 100.0

    def monotonic(self):
        return self.now_s


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(emoclr.configs.console, "time", SimpleNamespace(monotonic=clock.monotonic))
    return clock


def test_long_work_is_told_every_ten_seconds_and_at_its_end(clock, capsys):
    for _ in track(range(6), "decoding"):
        clock.now_s += 4
    assert capsys.readouterr().err.splitlines() == ["decoding: 3 of 6", "decoding: 6 of 6, done"]


def test_work_of_unknown_length_is_told_too(clock, capsys):
    for _ in track(iter("abcd"), "reading"):
        clock.now_s += 4
    assert capsys.readouterr().err.splitlines() == ["reading: 3", "reading: 4, done"]


def test_short_work_is_silent(clock, capsys):
    assert list(track(["a", "b"], "reading")) == ["a", "b"]
    assert capsys.readouterr() == ("", "")


def test_a_terminal_gets_a_bar_and_the_same_items(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    assert list(track("abc", "decoding [/x]\x1b[2J")) == ["a", "b", "c"]
    assert "decoding [/x]\\x1b[2J" in terminal.getvalue() and "3/3" in terminal.getvalue()


@pytest.mark.parametrize(
    ("place", "talks"),
    [
        ({}, True),
        ({"RANK": "0", "LOCAL_RANK": "0", "NODE_RANK": "0"}, True),
        ({"LOCAL_RANK": "1"}, False),
        ({"RANK": "8", "LOCAL_RANK": "0"}, False),
        ({"NODE_RANK": "1", "LOCAL_RANK": "0"}, False),
        ({"SLURM_PROCID": "3"}, False),
    ],
)
def test_of_several_ranks_the_first_one_talks_and_each_tells_its_own_error(monkeypatch, clock, capsys, place, talks):
    for name in RANKS:
        monkeypatch.delenv(name, raising=False)
    for name, value in place.items():
        monkeypatch.setenv(name, value)

    def work(arguments):
        say("hello")
        for _ in track(["a"], "reading"):
            clock.now_s += 4
        raise EmoclrError("out of space")

    assert run_command(work, argparse.Namespace(debug=False)) == 1
    told = capsys.readouterr().err.splitlines()
    assert told == [*(["hello", "reading: 1 of 1, done"] if talks else []), "error: out of space"]
