"""A run as its folder tells of it, while it trains and afterwards."""

import csv
from dataclasses import dataclass, field
from pathlib import Path

from emoclr.configs.files import cell_text
from emoclr.pretrain.data.unreadable_clips import SET_ASIDE
from emoclr.pretrain.encoder.checkpoint import EncoderCard, load_card
from emoclr.pretrain.encoder.folders import CARD, RUN, CheckpointError, check_run_folder
from emoclr.pretrain.resume.run_card import RunCard
from emoclr.pretrain.training.collapse import RECORDS_BEFORE_ALARM, has_collapsed
from emoclr.pretrain.training.metrics_log import METRICS, read_rows
from emoclr.pretrain.training.online_probe import MAP, MONITOR


@dataclass(frozen=True)
class MapPoint:
    """Where a held-out clip lies on a backbone's map."""

    x: float
    y: float
    emotion: str
    speaker: str


@dataclass(frozen=True)
class BackboneState:
    """How far a backbone has come.

    Attributes:
        name: of the backbone.
        steps: of its whole training, None before it began.
        rows: of `metrics.csv`.
        monitor: rows of `monitor.csv`.
        points: its latest map.
        saved_at: when its encoder was saved, in seconds since 1970; None before the first time.
        warnings: what is wrong with it.
    """

    name: str
    steps: int | None
    rows: list[dict[str, float]] = field(default_factory=list)
    monitor: list[dict[str, float]] = field(default_factory=list)
    points: list[MapPoint] = field(default_factory=list)
    saved_at: float | None = None
    warnings: list[str] = field(default_factory=list)

    @property
    def latest(self) -> dict[str, float]:
        """The latest metrics and scores of the monitor, none of what there is none of."""
        return (self.monitor[-1] if self.monitor else {}) | (self.rows[-1] if self.rows else {})

    @property
    def step(self) -> int:
        """The latest step of which there is a record."""
        return int(self.rows[-1]["step"]) if self.rows else 0


@dataclass(frozen=True)
class RunState:
    """A run and its backbones, in the order in which they are trained."""

    folder: Path
    card: RunCard
    backbones: list[BackboneState]
    set_aside: list[str]

    @property
    def finished(self) -> bool:
        """Whether every backbone has come to its end."""
        return all(state.steps is not None and state.step >= state.steps for state in self.backbones)


def read_run(folder: Path) -> RunState:
    """Returns the state of a run; another process may be training it.

    Raises:
        ConfigError: there is no such folder.
        CheckpointError: it holds no run, or its cards are damaged.
    """
    check_run_folder(folder)
    card = load_card(folder / RUN, RunCard)
    # A run may go on with fewer backbones than it began with; those that were trained stay in sight.
    names = dict.fromkeys([*card.settings.backbones, *card.steps])
    aside = folder / SET_ASIDE
    lines = aside.read_text(encoding="utf-8", errors="replace").splitlines() if aside.is_file() else []
    return RunState(folder, card, [_read_backbone(folder / name, card) for name in names], lines)


def _read_backbone(folder: Path, card: RunCard) -> BackboneState:
    rows = read_rows(folder / METRICS)
    encoder = folder / CARD
    steps = card.steps.get(folder.name)
    saved_at = None
    if encoder.is_file():
        saved_at = encoder.stat().st_mtime
        steps = steps or load_card(encoder, EncoderCard).steps
    return BackboneState(
        name=folder.name,
        steps=steps,
        rows=rows,
        monitor=read_rows(folder / MONITOR),
        points=_read_map(folder / MAP),
        saved_at=saved_at,
        warnings=_collapses(rows, round(card.settings.warmup * steps) if steps else 0) + _bad_steps(folder),
    )


def _collapses(rows: list[dict[str, float]], first_step: int) -> list[str]:
    """Returns a warning where records in a row, after the warm-up, show a collapse; the alarm's own rule."""
    in_a_row = 0
    for row in rows:
        in_a_row = in_a_row + 1 if row["step"] > first_step and has_collapsed(row) else 0
        if in_a_row == RECORDS_BEFORE_ALARM:
            spread, rank = row["embedding_std"], row["effective_rank"]
            return [f"embeddings collapsed by step {row['step']:.0f} (spread {spread:.3f}, effective rank {rank:.1f})"]
    return []


def _bad_steps(folder: Path) -> list[str]:
    steps = sorted({int(path.stem.split("-")[2]) for path in folder.glob("bad-step-*.safetensors")})
    many = "s" if len(steps) > 1 else ""
    return [f"a loss that is no number at step{many} {', '.join(map(str, steps))}"] if steps else []


def _read_map(path: Path) -> list[MapPoint]:
    if not path.is_file():
        return []
    try:
        with path.open(encoding="utf-8", newline="") as lines:
            rows = list(csv.DictReader(lines))
        return [MapPoint(float(row["x"]), float(row["y"]), row["emotion"], cell_text(row["speaker"])) for row in rows]
    except (KeyError, TypeError, ValueError, csv.Error) as error:
        raise CheckpointError(f"{path}: holds no map; without the file there is a report without it") from error
