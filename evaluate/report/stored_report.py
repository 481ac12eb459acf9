"""Reports of earlier runs: where they lie, and what their `report.json` holds."""

from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field, ValidationError

from emoclr.configs.errors import ConfigError, EmoclrError
from emoclr.configs.files import parse_json

REPORT_JSON = "report.json"
REPORT_HTML = "report.html"


class _Found(BaseModel):
    """A metric in a report."""

    value: float | None
    ci95: tuple[float | None, float | None]


class _Protocol(BaseModel):
    """On what a report was made."""

    clips: int
    speakers: int
    single_label: bool
    positive_share: float
    bootstrap_resamples: int


class _OfEmotion(BaseModel):
    """What a comparison takes from a report of each emotion."""

    auroc: _Found | None = None


class _Told(BaseModel):
    """A sentence of a verdict."""

    text: str
    kind: str


class _Content(BaseModel):
    """What a comparison takes from a report.json; reports of earlier versions have no verdict."""

    title: str
    verdict: list[_Told] = []
    protocol: _Protocol
    per_emotion: dict[str, _OfEmotion]
    metrics: dict[str, _Found | None]
    models: dict[str, Any] = Field(min_length=1)
    baselines: dict[str, dict[str, _Found | None]]


def find_report(place: Path) -> Path:
    """Returns the folder of the report that is meant by a path: its own, its `report.json`, or that of `finetune`.

    Raises:
        EmoclrError: no report is there.
    """
    if place.name == REPORT_JSON and place.is_file():
        return place.parent
    for folder in (place, place / "report"):
        if (folder / REPORT_JSON).is_file():
            return folder
    raise (EmoclrError if place.exists() else ConfigError)(
        f"{place}: no report is there; give the --out folder of probe or finetune, or the path of a {REPORT_JSON}"
    )


def read_report(folder: Path) -> dict[str, Any]:
    """Returns what the `report.json` of a folder holds.

    Raises:
        EmoclrError: it cannot be read, or is no report of `probe` or `finetune`.
    """
    path = folder / REPORT_JSON
    try:
        content = parse_json(path.read_bytes())
    except OSError as error:
        raise EmoclrError(f"{path}: cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise EmoclrError(f"{path}: is not JSON: {error}") from error
    try:
        _Content.model_validate(content)
    except ValidationError as error:
        key = ".".join(str(part) for part in error.errors()[0]["loc"])
        raise EmoclrError(f"{path}: is no report of probe or finetune: {key or 'it'} is missing or wrong") from error
    found: dict[str, Any] = content
    return found
