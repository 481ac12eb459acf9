"""The card of a release, `release.yaml`: what a person says of it, and what was measured."""

from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from emoclr.checkpoints.cards.places import command_without_places, without_places
from emoclr.checkpoints.cards.settings import ReleaseSettings
from emoclr.configs.settings import Settings
from emoclr.evaluate.report.stored_report import find_report, read_report

KEPT_OF_REPORTS = (
    "title",
    "summary",
    "labels",
    "notes",
    "heard_in_pretraining",
    "protocol",
    "metrics",
    "models",
    "baselines",
    "per_emotion",
    "groups",
    "gaps",
    "speaker_probe",
    "speaker_known",
    "calibration",
    "ensemble",
    "stress",
    "across",
    "left_out",
)
"""All that tells of no single clip; `made` is kept without its settings."""


class Network(Settings):
    """A network of a release.

    Attributes:
        backbone: timm's name.
        weights: how many numbers it has.
        bytes: its file.
        difference: of its outputs from those of the run; see `check_agreement`.

    Examples:
        >>> Network(backbone="resnet10t", weights=4_924_232, bytes=9_890_000, difference=0.002).bytes
        9890000
    """

    backbone: str
    weights: int
    bytes: int
    difference: float


class ReleaseCard(Settings):
    """What `release.yaml` holds.

    Examples:
        >>> corpora = [{"name": "made up", "licence": "CC0-1.0", "url": "https://example.org", "part": "all"}]
        >>> said = {"description": "Encoders.", "limits": "Bursts alone.", "not_for": ["speech"]}
        >>> said |= {"licence": "apache-2.0", "corpora": corpora}
        >>> card = ReleaseCard(name="small", kind="encoders", said=said, networks={}, commands=[], tolerance=0.01)
        >>> card.megabytes
        0.0
    """

    format: int = Field(1, ge=1, le=1)
    name: str
    kind: Literal["encoders", "ensemble"]
    said: ReleaseSettings
    emotions: list[str] = []
    networks: dict[str, Network]
    tolerance: float = Field(description="of the differences of its networks from those of the run")
    difference: float | None = Field(None, description="of the ensemble's probabilities from those of the run")
    commands: list[str] = Field(description="that make such a model, with the data")
    commits: list[str] = Field([], description="of the trainings; + where files differed from it")
    versions: dict[str, str] = {}
    reports: list[dict[str, Any]] = Field([], description="of probe and finetune, as report.json has them")

    @property
    def megabytes(self) -> float:
        """Its weights together, MB."""
        return sum(network.bytes for network in self.networks.values()) / 1e6


def released_report(place: Path) -> dict[str, Any]:
    """Returns a report without its clips, settings and folders.

    Args:
        place: its folder, its `report.json`, or the output folder of `finetune`.

    Raises:
        EmoclrError: no report is there.
    """
    report = read_report(find_report(place))
    kept: dict[str, Any] = without_places({key: report[key] for key in KEPT_OF_REPORTS if key in report})
    made = report.get("made", {})
    kept["made"] = {
        "command": command_without_places(made.get("command", "")),
        **{key: made.get(key) for key in ("created", "versions", "corpus_fingerprint")},
    }
    return kept
