from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BeforeValidator, Field, ValidationError, model_validator

import emoclr.configs.settings
from emoclr.configs.errors import ConfigError
from emoclr.configs.settings import Settings, find_config, load_settings


class Mask(Settings):
    width: float = Field(0.1, ge=0, le=1)
    count: int = 2

    @model_validator(mode="after")
    def _fits(self) -> "Mask":
        if self.count * self.width > 100:
            raise ValueError("Masks cover too much")
        return self


class Example(Settings):
    epochs: int = Field(10, ge=1)
    learning_rate: float = 0.1
    mode: Literal["fast", "slow"] = "fast"
    names: list[str] = []
    folders: list[Path] | None = None
    mask: Mask = Mask()
    spare: Mask | None = None
    more: list[Mask] = []


@pytest.fixture
def write_config(tmp_path):
    def write(text):
        path = tmp_path / "mine.yaml"
        path.write_text(text, encoding="utf-8")
        return str(path)

    return write


def refused(name, *overrides):
    with pytest.raises(ConfigError) as caught:
        load_settings(Example, name, list(overrides))
    assert caught.value.exit_code == 2
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "key", "meant", "known"),
    [
        ("epoch: 3", "epoch", "epochs", "mask"),
        ("mask: {widht: 0.2}", "mask.widht", "width", "count"),
        ("spare: {cuont: 1}", "spare.cuont", "count", "width"),
        ("more: [{}, {widht: 0.2}]", "more.1.widht", "width", "count"),
    ],
)
def test_an_unknown_key_is_named_with_its_file_and_the_nearest_right_one(write_config, text, key, meant, known):
    name = write_config(text)
    message = refused(name)
    assert message.startswith(f"{name}: unknown key '{key}' (perhaps '{meant}'?); known are ")
    assert known in message.partition("known are ")[2].split(", ")


def test_a_key_unlike_any_other_gets_no_guess(write_config):
    assert "perhaps" not in refused(write_config("zzz: 3"))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("epochs: many", ["epochs: ", "integer", "'many'"]),
        ("epochs: 0", ["epochs: ", "greater than or equal to 1", "not 0"]),
        ("epochs: true", ["epochs: ", "valid number", "not True"]),
        ("epochs: 99999999999999999999", ["epochs: ", "at most 9007199254740992"]),
        ("learning_rate: 1e999", ["learning_rate: ", "finite"]),
        ("learning_rate: .inf", ["learning_rate: ", "finite", "not inf"]),
        ("mask: {width: .nan}", ["mask.width: ", "finite", "not nan"]),
        ("mode: slwo", ["mode: ", "'fast' or 'slow'", "'slwo' (perhaps 'slow'?)"]),
        ("mask: {width: 1.5}", ["mask.width: ", "less than or equal to 1", "not 1.5"]),
        ("mask: 3", ["mask: ", "not 3"]),
        ("more: [{count: x}]", ["more.0.count: ", "integer", "'x'"]),
    ],
)
def test_a_wrong_type_or_an_impossible_value_is_told_with_file_key_and_value(write_config, text, told):
    name = write_config(text)
    message = refused(name)
    assert message.startswith(f"{name}: ")
    for part in told:
        assert part in message


def test_every_problem_has_its_line(write_config):
    lines = refused(write_config("epochs: 0\nmode: slwo\nepoch: 1")).splitlines()
    assert len(lines) == 3
    assert all(any(key in line for line in lines) for key in ("epochs: ", "mode: ", "'epoch'"))


def test_a_missing_key_is_told():
    class Needy(Settings):
        out: Path

    with pytest.raises(ConfigError, match=r"^out: is not given; add out=\.\.\. to the command"):
        load_settings(Needy, None, [])


def test_an_override_wins_over_the_file_and_leaves_its_neighbours(write_config):
    name = write_config("epochs: 3\nmask: {width: 0.5, count: 7}")
    loaded = load_settings(Example, name, ["epochs=4", "mask.width=0.25", "spare.count=1"])
    assert (loaded.epochs, loaded.mask) == (4, Mask(width=0.25, count=7))
    assert loaded.spare == Mask(count=1)


def test_the_last_of_two_overrides_wins():
    assert load_settings(Example, None, ["epochs=4", "epochs=5"]).epochs == 5


def test_a_wrong_override_is_blamed_on_the_command_line_and_the_rest_on_the_file(write_config):
    name = write_config("mode: slwo")
    lines = refused(name, "mask.widht=1", "epochs=0").splitlines()
    assert sorted(line.partition(": ")[0] for line in lines) == sorted([name, *["the command line"] * 2])
    assert any("unknown key 'mask.widht' (perhaps 'width'?)" in line for line in lines)


def test_where_file_and_command_line_do_not_agree_both_are_named_and_the_words_are_left_as_they_are(write_config):
    name = write_config("mask: {width: 0.5}")
    assert refused(name, "mask.count=300") == f"{name} with the command line: mask: Masks cover too much"
    name = write_config("mask: {width: 0.5, count: 300}")
    assert refused(name, "epochs=3") == f"{name}: mask: Masks cover too much"


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("epochs", "key=value"),
        ("=3", "key=value"),
        ("epochs=[1", "not YAML"),
        ("mode.sub=1", "not a group of keys"),
        ("names.0=x", "not a group of keys"),
    ],
)
def test_an_override_that_cannot_be_read_is_quoted(write_config, override, told):
    message = refused(write_config("mode: slow\nnames: [a]"), override)
    assert repr(override) in message and told in message


@pytest.mark.parametrize(
    ("override", "value"),
    [("names=a,b", ["a", "b"]), ("names=[a, b]", ["a", "b"]), ("names=a", ["a"]), ("names=[]", [])],
)
def test_a_list_may_be_written_with_commas(override, value):
    assert load_settings(Example, None, [override]).names == value


def test_commas_make_lists_also_where_there_may_be_none_and_only_there():
    assert load_settings(Example, None, ["folders=a,b"]).folders == [Path("a"), Path("b")]
    assert load_settings(Example, None, ["folders=null"]).folders is None
    assert "mode: " in refused(None, "mode=fast,slow")


class Texts(Settings):
    out: Path = Path("runs")
    cache: Path | None = Path("cache")
    name: str = "x"
    mode: Literal["on", "off"] = "off"
    data: list[Annotated[Path | str, BeforeValidator(lambda value: value)]] = []
    backbones: Sequence[str] | None = None
    count: int | Literal["auto"] = "auto"
    shares: list[float] = []


class Nested(Settings):
    texts: Texts = Texts()
    several: list[Texts] = []


LOOKALIKES = [
    *["2025-11-28", "001", "on", "1e3", "0x10", "1_000", "12:30", "true", "no", ".5", "3"],
    "2025-11-28 10:00:00",
]
"""Words that YAML reads as dates, numbers, booleans and more."""

SIGNS = ["=", "a: b", "#1", "{x}", "*x", "&x", "!x", "@x", "%x", "a #b", "- a", "|", "'", "'a", "a'b'", "[a", "\\d"]
"""Words that are no YAML, or something else in it."""


@pytest.mark.parametrize("text", [*LOOKALIKES, *SIGNS, "[a]", "a,b", " a", "null", "~"])
def test_an_override_of_text_is_taken_as_it_is_typed(text):
    loaded = load_settings(Nested, None, [f"texts.out={text}", f"texts.name={text}"]).texts
    assert (loaded.out, loaded.name) == (Path(text), text)


@pytest.mark.parametrize("text", [*LOOKALIKES, *SIGNS, "null"])
def test_an_override_of_a_list_of_text_is_split_at_commas_and_else_taken_as_it_is_typed(text):
    loaded = load_settings(Texts, None, [f"data={text},{text}x", f"backbones={text}"])
    assert [str(place) for place in loaded.data] == [text, f"{text}x"]
    assert loaded.backbones == (None if text == "null" else [text])


@pytest.mark.parametrize("text", LOOKALIKES)
@pytest.mark.parametrize("listed", ["[{0}]", "[ {0} ]", "['{0}']"])
def test_a_yaml_list_of_text_holds_text(text, listed):
    assert load_settings(Texts, None, [f"backbones={listed.format(text)}"]).backbones == [text]


@pytest.mark.parametrize("text", LOOKALIKES)
def test_a_config_gives_text_where_text_is_taken(write_config, text):
    inner = f"{{out: {text}, cache: {text}, data: [{text}], backbones: {text}}}"
    name = write_config(f"texts: {inner}\nseveral: [{inner}, {inner}]")
    loaded = load_settings(Nested, name, [])
    for texts in (loaded.texts, *loaded.several):
        assert texts.out == Path(text)
        assert (texts.cache, texts.data, texts.backbones) == (Path(text), [text], [text])


def test_the_settings_of_a_card_are_text_too(write_config):
    name = write_config("clips: 3\nsettings: {out: 2025-11-28, backbones: [001]}")
    loaded = load_settings(Texts, name, ["name=7"])
    assert (loaded.out, loaded.backbones, loaded.name) == (Path("2025-11-28"), ["001"], "7")


@pytest.mark.parametrize("null", ["null", "~", ""])
def test_null_is_none_where_there_may_be_none(write_config, null):
    loaded = load_settings(Texts, None, [f"cache={null}", f"backbones={null}"])
    assert (loaded.cache, loaded.backbones) == (None, None)
    assert load_settings(Texts, write_config(f"cache: {null}"), []).cache is None


def test_what_is_empty_is_no_text():
    with pytest.raises(ConfigError, match="out: "):
        load_settings(Texts, None, ["out="])


@pytest.mark.parametrize(
    ("typed", "value"), [("'null'", "null"), ('"a b"', "a b"), ("'it''s'", "it's"), (r'"a\tb"', "a\tb"), ("''", "")]
)
def test_quotes_are_read_as_in_yaml(typed, value):
    assert load_settings(Texts, None, [f"name={typed}"]).name == value


def test_quotes_keep_a_comma_from_making_a_list():
    assert load_settings(Texts, None, ["backbones='a,b'"]).backbones == ["a,b"]
    assert load_settings(Texts, None, ["backbones='a',b"]).backbones == ["a", "b"]
    assert load_settings(Texts, None, ["backbones=['a,b',c]"]).backbones == ["a,b", "c"]


def test_words_to_choose_from_are_text(write_config):
    assert load_settings(Texts, None, ["mode=on"]).mode == "on"
    assert load_settings(Texts, write_config("mode: on"), []).mode == "on"
    with pytest.raises(ConfigError, match="'yes'"):
        load_settings(Texts, None, ["mode=yes"])


def test_numbers_stay_numbers(write_config):
    loaded = load_settings(Texts, None, ["count=3", "shares=0.1,1"])
    assert (loaded.count, loaded.shares) == (3, [0.1, 1.0])
    loaded = load_settings(Texts, write_config("count: 0x10\nshares: 1e-1"), ["shares=0.5"])
    assert (loaded.count, loaded.shares) == (16, [0.5])


words = st.text("abcdefghij-_/", min_size=1).filter(lambda word: isinstance(yaml.safe_load(word), str))


@settings(deadline=None, max_examples=40)
@given(
    epochs=st.integers(1, 10**9),
    learning_rate=st.floats(0, 1e6),
    mode=st.sampled_from(["fast", "slow"]),
    names=st.lists(words),
    width=st.floats(0, 1),
)
def test_overrides_and_a_file_that_say_the_same_give_the_same(
    tmp_path_factory, epochs, learning_rate, mode, names, width
):
    path = tmp_path_factory.mktemp("config") / "same.yaml"
    content = {"epochs": epochs, "learning_rate": learning_rate, "mode": mode, "names": names, "mask": {"width": width}}
    path.write_text(yaml.safe_dump(content))
    listed = f"[{','.join(names)}]"
    overrides = [f"epochs={epochs}", f"learning_rate={learning_rate}", f"mode={mode}", f"names={listed}"]
    by_override = load_settings(Example, None, [*overrides, f"mask.width={width}"])
    assert by_override == load_settings(Example, str(path), [])
    assert (by_override.epochs, by_override.learning_rate, by_override.names) == (epochs, learning_rate, names)


def test_settings_do_not_change():
    with pytest.raises(ValidationError):
        Example().epochs = 3


def test_keys_of_other_settings_may_be_left_to_them_in_a_file_but_not_in_an_override(write_config):
    name = write_config("width: 0.5\nepochs: 3")
    with pytest.raises(ConfigError, match="unknown key 'epochs'"):
        load_settings(Mask, name, [])
    assert load_settings(Mask, name, ["count=1"], partial=True) == Mask(width=0.5, count=1)
    with pytest.raises(ConfigError, match="the command line: unknown key 'epochs'"):
        load_settings(Mask, name, ["epochs=3"], partial=True)


@pytest.fixture
def shipped(tmp_path, monkeypatch):
    folder = tmp_path / "shipped"
    folder.mkdir()
    (folder / "simclr.yaml").write_text("epochs: 1")
    monkeypatch.setattr(emoclr.configs.settings, "SHIPPED", folder)
    monkeypatch.chdir(tmp_path)
    return folder


@pytest.mark.parametrize("name", ["simclr.yaml", "simclr"])
def test_a_bare_name_is_a_shipped_config(shipped, name):
    assert find_config(name) == shipped / "simclr.yaml"


def test_a_path_comes_before_a_shipped_config(shipped, tmp_path):
    (tmp_path / "simclr.yaml").write_text("epochs: 2")
    assert load_settings(Example, "simclr.yaml", []).epochs == 2


def test_a_config_that_is_nowhere_is_named_with_those_there_are(shipped):
    with pytest.raises(ConfigError, match=r"simlcr\.yaml: .*\(perhaps 'simclr\.yaml'\?\); shipped are simclr\.yaml"):
        find_config("simlcr.yaml")
