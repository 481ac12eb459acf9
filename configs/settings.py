"""From a YAML file and `key=value` overrides to validated settings."""

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, ClassVar, Literal, TypeVar, Union, get_args, get_origin

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError, ValidationInfo, field_validator

from emoclr.configs.errors import ConfigError
from emoclr.configs.files import parse_yaml, read_yaml, yaml_problem
from emoclr.configs.messages import perhaps, suggestion

SHIPPED = Path(__file__).parent

MAX_WHOLE = 2**53
"""The largest whole number: what torch, numpy and JSON all hold exactly."""

NULLS = ("~", "null", "Null", "NULL")
"""What YAML reads as no value."""


class Settings(BaseModel):
    """Base of all settings: immutable, an unknown key is an error, and `a,b` is a list where the key takes one.

    Numbers are finite, at most `MAX_WHOLE` where they are whole, and neither true nor false.

    Examples:
        >>> class Training(Settings):
        ...     epochs: int = 10
        >>> Training(epochs=3)
        Training(epochs=3)
    """

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True, allow_inf_nan=False)

    elsewhere: ClassVar[dict[str, str]] = {}
    """What other commands call keys of these settings."""

    @field_validator("*", mode="before")
    @classmethod
    def _number(cls, value: Any, info: ValidationInfo) -> Any:
        field = cls.model_fields.get(info.field_name or "")
        kinds = set(_kinds(field.annotation)) if field else set()
        if kinds & {int, float} and isinstance(value, bool) and bool not in kinds:
            raise ValueError("input should be a valid number")
        if int in kinds and isinstance(value, int) and abs(value) > MAX_WHOLE:
            raise ValueError(f"input should be at most {MAX_WHOLE}")
        return value

    @field_validator("*", mode="before")
    @classmethod
    def _listed(cls, value: Any, info: ValidationInfo) -> Any:
        field = cls.model_fields.get(info.field_name or "")
        if field is None or not isinstance(value, str | int | float) or _item_of(field.annotation) is None:
            return value
        return [part for part in value.split(",") if part] if isinstance(value, str) else [value]

    def flat(self) -> dict[str, Any]:
        """Returns all settings by the names they are typed by, such as `key.sub`, with JSON values."""
        return dict(_flat(self.model_dump(mode="json")))


S = TypeVar("S", bound=Settings)


def find_config(name: str) -> Path:
    """Returns the path of a config: as a path first, then among the shipped ones (with or without `.yaml`).

    Raises:
        ConfigError: there is none; the message lists the shipped ones and the nearest name.
    """
    for candidate in (Path(name), SHIPPED / name, SHIPPED / f"{name}.yaml"):
        if candidate.is_file():
            return candidate
    shipped = sorted(path.name for path in SHIPPED.glob("*.yaml"))
    raise ConfigError(f"{name}: no such config{perhaps(name, shipped)}; shipped are {', '.join(shipped)}")


def load_settings(model: type[S], name: str | None, overrides: list[str], *, partial: bool = False) -> S:
    """Returns settings from a config and overrides.

    Args:
        model: the settings to fill.
        name: path or shipped name of a YAML file, or of the card of a run, whose `settings` are taken; None for the
            defaults alone.
        overrides: `key=value` or `key.sub=value`; a value is text where the key takes text, a comma list without
            brackets is a list where it takes one, and all else is read as YAML.
        partial: the file may hold keys of other settings, which are left to those; an override may not.

    Raises:
        ConfigError: an unknown key, a wrong type or an impossible value, with the source, the key and what was
            probably meant.

    Examples:
        >>> from emoclr.probe import ProbeSettings
        >>> load_settings(ProbeSettings, "probe.yaml", ["folds=5"]).folds
        5
    """
    path = find_config(name) if name else None
    content = _read_config(model, path) if path else {}
    if partial:
        content = {key: value for key, value in content.items() if key in model.model_fields}
    sources: dict[str, str] = {}
    for override in overrides:
        key, separator, text = override.partition("=")
        if not separator or not key:
            raise ConfigError(f"{override!r}: an override is written key=value or key.sub=value")
        keys = key.split(".")
        try:
            value = _read_value(_annotation_of(model, keys), text)
        except yaml.YAMLError as error:
            raise ConfigError(f"{override!r}: the value is not YAML: {yaml_problem(error)}") from error
        _put(content, keys, value, override)
        sources[key] = "the command line"
    return validate(model, content, str(path or "defaults"), sources)


def validate(model: type[S], content: dict[str, Any], source: str, sources: dict[str, str] | None = None) -> S:
    """Returns `content` as settings.

    Args:
        model: the settings to fill.
        content: by key.
        source: what an error names.
        sources: where the value of a key comes from otherwise; None where no command gives any.

    Raises:
        ConfigError: a line for each problem.
    """
    try:
        return model.model_validate(content)
    except ValidationError as error:
        lines = []
        for problem in error.errors():
            key = ".".join(str(part) for part in problem["loc"])
            where = _blame(key, source, sources or {})
            if problem["type"] == "missing" and sources is not None:
                lines.append(f"{key}: is not given; add {key}=... to the command, or {key}: ... to the config")
            elif problem["type"] == "extra_forbidden":
                known = _known_keys(model, problem["loc"][:-1])
                last = str(problem["loc"][-1])
                meant = model.elsewhere.get(key)
                guess = suggestion(meant) if meant else perhaps(last, known)
                lines.append(f"{where}: unknown key '{key}'{guess}; known are {', '.join(known)}")
            elif problem["type"] == "model_type":
                known = _known_keys(model, problem["loc"])
                typed = all(isinstance(part, str) for part in problem["loc"])
                guess = suggestion(f"{key}.{known[0]}={problem['input']}") if typed else ""
                keys = ", ".join(known)
                lines.append(f"{where}: {key}: is a group of keys, not {problem['input']!r}{guess}: {keys}")
            else:
                message = problem["msg"]
                own = message.removeprefix("Value error, ")
                message = own if own != message else message[0].lower() + message[1:]
                given = "" if isinstance(problem["input"], dict) else f", not {problem['input']!r}"
                if problem["type"] == "literal_error":
                    given += perhaps(str(problem["input"]), re.findall(r"'([^']*)'", problem["ctx"]["expected"]))
                lines.append(f"{where}: {key + ': ' if key else ''}{message}{given}")
        raise ConfigError(*lines) from error


def _read_config(model: type[BaseModel], path: Path) -> dict[str, Any]:
    content, written = read_yaml(path), read_yaml(path, as_text=True)
    if isinstance(content.get("settings"), dict) and "settings" not in model.model_fields:
        content, written = content["settings"], written["settings"]
    declared: dict[str, Any] = _as_declared(model, content, written)
    return declared


def _read_value(annotation: Any, text: str) -> Any:
    """Returns the value of an override.

    Raises:
        yaml.YAMLError: it is no YAML, where the key takes other than text.
    """
    item = _item_of(annotation)
    if _is_text(annotation) or (_is_text(item) and not (text[:1] == "[" and text[-1:] == "]")):
        if not text or (text in NULLS and NoneType in _kinds(annotation)):
            return None
        unquoted = _unquoted(text)
        if _is_text(annotation):
            return unquoted
        return [unquoted] if unquoted != text else [_unquoted(part) for part in text.split(",") if part]
    return _as_declared(annotation, parse_yaml(text), parse_yaml(text, as_text=True))


def _unquoted(text: str) -> str:
    """Returns what stands in the quotes around a text, as YAML reads it; a text without quotes is left as it is."""
    if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"":
        with suppress(yaml.YAMLError):
            return str(parse_yaml(text))
    return text


def _as_declared(annotation: Any, value: Any, written: Any) -> Any:
    """Returns a value in the types of its annotation.

    Args:
        annotation: of the field, or the settings themselves.
        value: as YAML reads it.
        written: the same with every number, date and word left as it is written.
    """
    if isinstance(value, dict):
        below = _settings_in(annotation)
        fields = below.model_fields if below else {}
        return {
            key: _as_declared(fields[key].annotation if key in fields else None, inner, text)
            for (key, inner), text in zip(value.items(), written.values(), strict=True)
        }
    if isinstance(value, list):
        return [_as_declared(_item_of(annotation), *pair) for pair in zip(value, written, strict=True)]
    text_taken = _is_text(annotation) or _is_text(_item_of(annotation))
    return written if text_taken and value is not None else value


def _blame(key: str, source: str, sources: dict[str, str]) -> str:
    """Returns where a key's value comes from; a group of keys may come from several places."""
    for overridden, place in sources.items():
        if key == overridden or key.startswith(f"{overridden}."):
            return place
    within = {place for overridden, place in sources.items() if not key or overridden.startswith(f"{key}.")}
    return " with ".join([source, *sorted(within)])


def _put(content: dict[str, Any], keys: list[str], value: Any, override: str) -> None:
    for key in keys[:-1]:
        below = content.setdefault(key, {})
        if not isinstance(below, dict):
            raise ConfigError(f"{override!r}: '{key}' is {below!r}, not a group of keys")
        content = below
    content[keys[-1]] = value


def _flat(content: dict[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in content.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{above}{key}.")
        else:
            yield f"{above}{key}", value


def _kinds(annotation: Any) -> tuple[Any, ...]:
    """Returns the members of a union, or the annotation alone, without what `Annotated` adds."""
    if get_origin(annotation) is Annotated:
        return _kinds(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        return tuple(kind for member in get_args(annotation) for kind in _kinds(member))
    return (annotation,)


def _item_of(annotation: Any) -> Any:
    """Returns what a list of this annotation holds, None where it takes no list."""
    return next((get_args(kind)[0] for kind in _kinds(annotation) if get_origin(kind) in (list, Sequence)), None)


def _is_text(annotation: Any) -> bool:
    """Returns whether all that an annotation takes is text: words, names, paths."""
    kinds = set(_kinds(annotation)) - {NoneType, None}
    words = {kind for kind in kinds if get_origin(kind) is Literal and all(isinstance(w, str) for w in get_args(kind))}
    return bool(kinds) and kinds - words <= {str, Path}


def _annotation_of(model: type[BaseModel], keys: Sequence[str]) -> Any:
    """Returns the annotation of a key, None where there is no such key."""
    annotation: Any = model
    for key in keys:
        settings = _settings_in(annotation)
        field = settings.model_fields.get(key) if settings else None
        annotation = field.annotation if field else None
    return annotation


def _known_keys(model: type[BaseModel], location: tuple[int | str, ...]) -> list[str]:
    for part in location:
        field = model.model_fields.get(str(part))
        model = (_settings_in(field.annotation) if field else None) or model
    return list(model.model_fields)


def _settings_in(annotation: Any) -> type[BaseModel] | None:
    """Returns the settings in an annotation such as `X`, `X | None` or `list[X]`, None where there are none."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in get_args(annotation) if (found := _settings_in(part))), None)
