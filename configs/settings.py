"""From a YAML file and `key=value` overrides to validated settings."""

import math
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import UnionType
from typing import Any, ClassVar, TypeVar, Union, get_args, get_origin

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError, ValidationInfo, field_validator

from emoclr.configs.errors import ConfigError
from emoclr.configs.files import read_yaml
from emoclr.configs.messages import perhaps, suggestion

SHIPPED = Path(__file__).parent


class Settings(BaseModel):
    """Base of all settings: immutable, an unknown key is an error, and `a,b` is a list where the key takes one.

    Numbers are finite, and neither true nor false.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)

    elsewhere: ClassVar[dict[str, str]] = {}
    """What other commands call keys of these settings."""

    @field_validator("*", mode="before")
    @classmethod
    def _number(cls, value: Any, info: ValidationInfo) -> Any:
        field = cls.model_fields.get(info.field_name or "")
        kinds = set(_kinds(field.annotation)) if field else set()
        if kinds & {int, float} and isinstance(value, bool | float):
            if isinstance(value, bool) and bool not in kinds:
                raise ValueError("input should be a valid number")
            if not math.isfinite(value):
                raise ValueError("input should be a finite number")
        return value

    @field_validator("*", mode="before")
    @classmethod
    def _listed(cls, value: Any, info: ValidationInfo) -> Any:
        field = cls.model_fields.get(info.field_name or "")
        if field is None or not isinstance(value, str | int | float) or not _takes_list(field.annotation):
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
        overrides: `key=value` or `key.sub=value`; values are read as YAML, a comma list without brackets as
            a list where the key takes one.
        partial: the file may hold keys of other settings, which are left to those; an override may not.

    Raises:
        ConfigError: an unknown key, a wrong type or an impossible value, with the source, the key and what was
            probably meant.
    """
    path = find_config(name) if name else None
    content = read_yaml(path) if path else {}
    if isinstance(content.get("settings"), dict) and "settings" not in model.model_fields:
        content = content["settings"]
    if partial:
        content = {key: value for key, value in content.items() if key in model.model_fields}
    sources: dict[str, str] = {}
    for override in overrides:
        key, separator, text = override.partition("=")
        if not separator or not key:
            raise ConfigError(f"{override!r}: an override is written key=value or key.sub=value")
        try:
            value = yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise ConfigError(f"{override!r}: the value is not YAML: {error}") from error
        _put(content, key.split("."), value, override)
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
        raise ConfigError("\n".join(lines)) from error


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
    """Returns the members of a union, or the annotation alone."""
    return get_args(annotation) if get_origin(annotation) in (Union, UnionType) else (annotation,)


def _takes_list(annotation: Any) -> bool:
    return any(get_origin(kind) in (list, Sequence) for kind in _kinds(annotation))


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
