import argparse
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from emoclr.configs.command import DEFECT, add_debug, make_parser, parse, parse_group, run_command, with_flags
from emoclr.configs.errors import ConfigError, EmoclrError


def command(result, debug=False):
    def work(arguments):
        if isinstance(result, BaseException):
            raise result
        return result

    return run_command(work, argparse.Namespace(debug=debug))


@pytest.mark.parametrize(
    ("result", "code", "told"),
    [
        (None, 0, ""),
        (3, 3, ""),
        (EmoclrError("a.wav: is broken"), 1, "error: a.wav: is broken\n"),
        (ConfigError("epochs: not 0"), 2, "error: epochs: not 0\n"),
        (KeyboardInterrupt(), 130, "interrupted\n"),
        (
            PermissionError(13, "Permission denied", "a\nb"),
            1,
            "error: a\\nb: Permission denied (--debug shows where)\n",
        ),
        (OSError(36, "File name too long", b"x"), 1, "error: x: File name too long (--debug shows where)\n"),
        (OSError(28, "No space left"), 1, "error: No space left (--debug shows where)\n"),
        (TimeoutError("store: timed out"), 1, "error: store: timed out (--debug shows where)\n"),
        (MemoryError("for 9 GiB"), 1, "error: out of memory for 9 GiB (--debug shows where)\n"),
    ],
)
def test_exit_codes_and_a_message_without_traceback(capsys, result, code, told):
    assert command(result) == code
    assert capsys.readouterr() == ("", told)


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("OMP_WAIT_POLICY", None, "PASSIVE"),
        ("OMP_WAIT_POLICY", "ACTIVE", "ACTIVE"),
        ("OPENBLAS_THREAD_TIMEOUT", None, "4"),
        ("OPENBLAS_THREAD_TIMEOUT", "20", "20"),
    ],
)
def test_waiting_threads_give_up_their_core_unless_the_user_decided_otherwise(monkeypatch, name, before, after):
    monkeypatch.setenv(name, before or "")
    if before is None:
        monkeypatch.delenv(name)
    command(None)
    assert os.environ[name] == after


@pytest.mark.parametrize("module", ["numpy", "scipy.linalg"])
def test_no_thread_turns_once_openblas_is_loaded(module):
    """As each of three does for 25 ms and more, by its own default."""
    code = f"""import argparse, time
from emoclr.configs.command import run_command
def work(arguments):
    import {module}
    time.sleep(0.2)
    print(time.process_time() - time.thread_time())
run_command(work, argparse.Namespace(debug=False))
"""
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "4"}
    environment.pop("OPENBLAS_THREAD_TIMEOUT", None)
    told = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert float(told.stdout) < 0.03


@pytest.mark.skipif(sys.platform != "linux", reason="is about Linux")
@pytest.mark.parametrize("driver", [False, True])
def test_bindings_of_a_driver_are_imported_where_there_is_one(driver):
    """PyTorch imports them wherever they are installed; they start a process to look for a library."""
    code = f"""import argparse, ctypes, sys
from emoclr.configs.command import run_command
real = ctypes.CDLL
def load(name, *rest):
    if name == "libcuda.so.1" and not {driver}:
        raise OSError(name)
    return real(None if name == "libcuda.so.1" else name, *rest)
ctypes.CDLL = load
def work(arguments):
    ctypes.CDLL = real
    import torch
    print(torch.zeros(1).item(), sys.modules.get("cuda.bindings", 1) is None, "cuda.pathfinder" in sys.modules)
run_command(work, argparse.Namespace(debug=False))
"""
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    installed = importlib.util.find_spec("cuda") is not None and importlib.util.find_spec("cuda.bindings") is not None
    assert told == f"0.0 {not driver} {driver and installed}\n"


@pytest.mark.parametrize("error", [ConfigError("epochs"), OSError(28, "No space left"), MemoryError()])
def test_debug_shows_the_error_itself(error):
    with pytest.raises(type(error)) as caught:
        command(error, debug=True)
    assert caught.value is error


def test_a_defect_is_not_dressed_up_as_a_users_error():
    with pytest.raises(ZeroDivisionError) as caught:
        command(ZeroDivisionError())
    assert caught.value.__notes__ == [DEFECT]


INTO_A_FULL_DISK = """
import argparse
from emoclr.configs.command import run_command
raise SystemExit(run_command(lambda arguments: print("a table"), argparse.Namespace(debug=False)))
"""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
def test_standard_output_on_a_full_disk_is_told_once():
    with Path("/dev/full").open("w") as full:
        done = subprocess.run([sys.executable, "-c", INTO_A_FULL_DISK], stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 1
    assert done.stderr == "error: standard output: No space left on device (--debug shows where)\n"


class Met(EmoclrError):
    told_by_the_first = True


@pytest.mark.parametrize(("rank", "told"), [("0", "error: all ranks\n"), ("1", "")])
def test_an_error_that_all_ranks_meet_is_told_once(monkeypatch, capsys, rank, told):
    monkeypatch.setenv("LOCAL_RANK", rank)

    def work(arguments):
        raise Met("all ranks")

    assert run_command(work, argparse.Namespace(debug=False)) == 1
    assert capsys.readouterr().err == told


def test_help_ends_with_examples_that_are_not_reflowed():
    parser = make_parser("pretrain", "Pretrains.", "  pretrain --config simclr.yaml\n  pretrain --resume")
    assert parser.format_help().endswith("examples:\n  pretrain --config simclr.yaml\n  pretrain --resume\n")
    assert parser.parse_args(["--debug"]).debug and not parser.parse_args([]).debug


@pytest.fixture
def parser():
    parser = make_parser("probe", "Probes.", "  probe")
    parser.add_argument("--out", required=True)
    parser.add_argument("words", nargs="*")
    return parser


def helped(capsys, read):
    with pytest.raises(SystemExit) as caught:
        read()
    assert not caught.value.code
    return capsys.readouterr().out


@pytest.mark.parametrize("words", [[], ["help"], ["--help"]])
def test_no_words_and_the_word_help_print_the_help(parser, capsys, words):
    assert helped(capsys, lambda: parse(parser, words)) == parser.format_help()


def test_options_stand_anywhere_and_help_may_be_a_name_among_others(parser):
    parsed = parse(parser, ["help", "--out", "x", "a=1"])
    assert (parsed.words, parsed.out) == (["help", "a=1"], "x")


def test_an_option_that_is_given_twice_is_refused(parser, capsys):
    with pytest.raises(SystemExit) as caught:
        parse(parser, ["--out", "x", "a=1", "--out", "y"])
    assert caught.value.code == 2 and "--out is given twice: x and y" in capsys.readouterr().err


def test_a_command_that_needs_no_arguments_goes_without():
    parser = make_parser("cache", "Tells.", "  cache")
    parser.set_defaults(bare=True)
    assert parse(parser, []).debug is False


@pytest.fixture
def group():
    parser = make_parser("corpus", "Corpora.", "  corpus scan")
    commands = parser.add_subparsers(required=True)
    for name in ("scan", "cache"):
        command = commands.add_parser(name)
        add_debug(command)
        command.add_argument("words", nargs="*")
        command.add_argument("--out")
        command.set_defaults(bare=name == "cache", name=name)
    return parser, commands


@pytest.mark.parametrize(
    ("words", "usage"),
    [
        ([], "corpus"),
        (["help"], "corpus"),
        (["--help"], "corpus"),
        (["scan"], "corpus scan"),
        (["scan", "help"], "corpus scan"),
        (["help", "scan"], "corpus scan"),
        (["cache", "help"], "corpus cache"),
    ],
)
def test_a_group_and_its_sub_commands_print_their_help(group, capsys, words, usage):
    assert helped(capsys, lambda: parse_group(*group, words)).startswith(f"usage: {usage} [-h]")


@pytest.mark.parametrize("words", [["--debug", "scan", "a"], ["scan", "--debug", "a"], ["scan", "a", "--debug"]])
def test_debug_stands_before_a_sub_command_or_after_it(group, words):
    parsed = parse_group(*group, words)
    assert (parsed.name, parsed.words, parsed.debug) == ("scan", ["a"], True)


def test_options_stand_anywhere_in_a_sub_command(group):
    assert parse_group(*group, ["scan", "a", "--out", "x", "b"]).words == ["a", "b"]
    assert parse_group(*group, ["cache"]).name == "cache"


@pytest.mark.parametrize("words", [["dance"], ["--debug"], ["dance", "scan"]])
def test_a_sub_command_that_is_not_there_is_two(group, words):
    with pytest.raises(SystemExit) as caught:
        parse_group(*group, words)
    assert caught.value.code == 2


def test_options_for_settings_are_overrides():
    flags = {"data": "a,b", "out": None}
    assert with_flags(["seed=1"], flags) == ["seed=1", "data=a,b"]
    assert with_flags(["out=x", "data=a,b"], flags)[:2] == ["out=x", "data=a,b"]


def test_an_option_and_an_override_that_differ_are_refused():
    with pytest.raises(ConfigError, match=r"data: .*--data x and data=y"):
        with_flags(["data=y"], {"data": "x"})


def test_the_last_of_several_overrides_is_the_one_that_counts():
    assert with_flags(["data=y", "data=x"], {"data": "x"})
    with pytest.raises(ConfigError):
        with_flags(["data=x", "data=y"], {"data": "x"})
