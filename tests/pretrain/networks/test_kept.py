"""What was found out about a network holds for later processes, and nothing that was damaged does."""

import json
from collections.abc import Iterator

import pytest

from emoclr.pretrain.networks import kept
from emoclr.pretrain.networks.kept import MAX_KEPT, Kept, architecture_key, network_key


@pytest.fixture(autouse=True)
def folder(monkeypatch, tmp_path):
    monkeypatch.setenv("EMOCLR_CACHE", str(tmp_path / "cache"))


def sizes() -> Kept[int]:
    """What a new process has."""
    return Kept("sizes", int)


def never() -> int:
    raise AssertionError("it was found before")


def test_a_value_is_found_once_and_the_next_process_reads_it():
    here = sizes()
    assert here.found([("a", lambda: 1), ("b", lambda: 2), ("a", lambda: 1)]) == [1, 2, 1]
    assert here.found([("b", never)]) == [2]
    assert sizes().found([("b", never), ("a", never)]) == [2, 1]


def test_what_another_process_kept_first_holds():
    def beaten() -> int:
        sizes().found([("a", lambda: 7), ("other", lambda: 8)])
        return 1

    assert sizes().found([("a", beaten)]) == [7]
    assert json.loads(sizes().path.read_text()) == {"a": 7, "other": 8}


@pytest.mark.parametrize("content", [b"", b"[1]", b'{"a": ', b"\xff", b'{"a": "yes"}', b'{"a": true}', b'{"a": 1.5}'])
def test_what_is_damaged_or_of_another_kind_is_found_anew(content):
    sizes().path.parent.mkdir()
    sizes().path.write_bytes(content)
    assert sizes().found([("a", lambda: 3)]) == [3]
    assert json.loads(sizes().path.read_text()) == {"a": 3}


def test_what_is_whole_holds_beside_what_is_damaged():
    sizes().path.parent.mkdir()
    sizes().path.write_text('{"a": "yes", "b": 2}')
    assert sizes().found([("b", never)]) == [2]


def test_where_nothing_can_be_kept_it_is_found_once_a_process(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("EMOCLR_CACHE", str(tmp_path / "file"))
    here = sizes()
    assert here.found([("a", lambda: 3)]) == here.found([("a", never)]) == [3]


def test_what_fails_is_not_kept():
    def fails() -> int:
        raise ArithmeticError

    with pytest.raises(ArithmeticError):
        sizes().found([("a", fails)])
    assert sizes().found([("a", lambda: 3)]) == [3]


def test_the_oldest_go_first():
    here = sizes()
    for number in range(MAX_KEPT + 2):
        here.found([(str(number), lambda number=number: number)])
    assert list(json.loads(here.path.read_text())) == [str(number) for number in range(2, MAX_KEPT + 2)]


@pytest.fixture
def other(request, monkeypatch) -> Iterator[None]:
    """Another machine, or another version."""
    where, name, value = request.param
    monkeypatch.setattr(f"{where}.{name}", value)
    yield


@pytest.mark.parametrize(
    "other",
    [
        (kept.__name__, "_machine", lambda: "another"),
        (kept.__name__, "_own_code", lambda: "another"),
        ("torch", "__version__", "another"),
        ("timm.version", "__version__", "another"),
    ],
    indirect=True,
    ids=["machine", "emoclr", "torch", "timm"],
)
def test_keys_differ_by_machine_and_by_versions(other, monkeypatch):
    changed = network_key("a", 2.0)
    monkeypatch.undo()
    assert network_key("a", 2.0) != changed
    assert network_key("a", 2.0) == network_key("a", 2.0) != network_key("a", 3.0)


def test_names_of_others_say_nothing_of_their_code():
    assert architecture_key("framewise_cnn", 3) != architecture_key("framewise_cnn", 5)
    assert architecture_key("resnet10t.c3_in1k", 3) is not None
    assert architecture_key("a_model_registered_elsewhere", 3) is None
