"""What one sees of a run: a table on the screen, and one HTML page that needs no network."""

import math
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from emoclr.configs.console import results, show
from emoclr.configs.files import write_text
from emoclr.evaluate.figures.spectrograms import CHANNELS
from emoclr.evaluate.report.writers.page import render_page
from emoclr.evaluate.report.writers.terms import Terms
from emoclr.pretrain.encoder.folders import CheckpointError
from emoclr.pretrain.report.figures import curve_figures, emotion_colours, map_figures, view_pictures
from emoclr.pretrain.report.run_state import RunState
from emoclr.pretrain.report.verdict import verdict_of
from emoclr.pretrain.resume.history import Change
from emoclr.pretrain.resume.run_card import RunCard
from emoclr.pretrain.training.training_views import TRAINING_VIEWS

TEMPLATE = Path(__file__).with_name("report.html.jinja")
REPORT = "report.html"
PLAIN_WIDTH = 120
COLUMNS = {
    "loss": ("loss", "{:.3f}"),
    "contrastive_accuracy": ("accuracy", "{:.2f}"),
    "embedding_std": ("spread", "{:.2f}"),
    "effective_rank": ("rank", "{:.1f}"),
    "views_per_s": ("views/s", "{:,.0f}"),
    "linear_auroc": ("linear AUROC", "{:.3f}"),
    "knn_auroc": ("kNN AUROC", "{:.3f}"),
    "speaker_accuracy": ("speakers", "{:.3f}"),
}
GLOSSARY = {
    "loss": "of the objective, at the latest record",
    "accuracy": "contrastive: share of views whose nearest neighbour in the batch is their twin",
    "spread": "deviation of normalised projections times √d; near 1 is healthy, near 0 is collapse",
    "rank": "effective rank: how many directions the projections use",
    "linear AUROC": "macro AUROC of a linear probe of the emotions on speakers it was not fitted to; 0.5 is chance",
    "kNN AUROC": "the same of the mean shares of the 20 nearest neighbours",
    "speakers": "share of clips whose speaker a linear probe names: what is learned of voices",
}


def print_status(run: RunState) -> None:
    """Prints a run's backbones on standard output, and how it goes."""
    from rich import box
    from rich.table import Table

    screen = results()
    if not screen.is_terminal:
        screen.width = PLAIN_WIDTH
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    head, *rows = table_rows(run, ago)
    table.add_column(head[0], overflow="fold")
    for name in head[1:]:
        table.add_column(name, justify="right")
    for row in rows:
        table.add_row(*row)
    screen.print(summary(run))
    screen.print(table)
    print_verdict(run)


def print_verdict(run: RunState) -> None:
    """Prints how a run goes, a line a sentence: the last that a command says. Its warnings were told as they came."""
    for sentence in verdict_of(run):
        if sentence.text not in run.card.warnings:
            show(sentence.line)


def write_report(run: RunState) -> Path:
    """Writes `report.html` into the run's folder and returns its path.

    Raises:
        EmoclrError: it cannot be written.
    """
    path = run.folder / REPORT
    write_text(path, report_html(run, datetime.now(UTC)))
    return path


def report_html(run: RunState, now: datetime) -> str:
    """Returns the report as one HTML page that needs nothing beside it."""
    maps = [(state.name, _legend(state.points), map_figures(state.points)) for state in run.backbones if state.points]
    # The page is read whenever: on it stands the time itself.
    head, *rows = table_rows(run, lambda saved_at: _told(datetime.fromtimestamp(saved_at, UTC)))
    return render_page(
        TEMPLATE,
        run=run,
        card=run.card,
        name=run.folder.resolve().name,
        summary=summary(run),
        verdict=verdict_of(run),
        head=head,
        rows=rows,
        terms=Terms(GLOSSARY),
        glossary={name: meaning for name, meaning in GLOSSARY.items() if name in head},
        curves=curve_figures(run.backbones),
        maps=maps,
        views=_views(run.folder / TRAINING_VIEWS),
        channels=CHANNELS,
        changes=list(changes(run.card)),
        settings=run.card.settings.flat(),
        made=_told(now),
    )


def summary(run: RunState) -> str:
    """Returns a run in a sentence or two."""
    card = run.card
    ended = sum(state.steps is not None and state.step >= state.steps for state in run.backbones)
    speakers = f"{card.speakers:,} known speakers" if card.speakers else "speakers unknown"
    aside = f", {len(run.set_aside):,} set aside" if run.set_aside else ""
    return (
        f"{ended} of {len(run.backbones)} backbones trained to the end with {card.settings.objective}, "
        f"on {card.clips:,} clips, {card.hours:,.2f} h, {speakers}{aside}."
    )


def changes(card: RunCard) -> Iterator[tuple[str, list[str]]]:
    """Yields, for each time a run went on otherwise than before, after which steps, and what was new."""
    before: Change | RunCard = card
    for change in card.history:
        steps = ", ".join(f"{name} after step {step:,}" for name, step in change.steps.items())
        words = [f"{key} {now}, was {then}" for key, (then, now) in change.differences.items()]
        for package in sorted(change.versions.keys() | before.versions.keys()):
            then, now = (some.versions.get(package, "none") for some in (before, change))
            if then != now:
                words.append(f"{package} {now}, was {then}")
        if change.commit != before.commit:
            words.append(f"commit {change.commit or 'unknown'}, was {before.commit or 'unknown'}")
        yield steps or "before the first step", words
        before = change


def table_rows(run: RunState, when: Callable[[float], str]) -> list[list[str]]:
    """Returns a head and a row for each backbone; columns that none has anything in are left out.

    Args:
        run: the run.
        when: puts the time of a save, in seconds since 1970, into words.
    """
    latest = [state.latest for state in run.backbones]
    shown = [column for column in COLUMNS if any(math.isfinite(found.get(column, math.nan)) for found in latest)]
    rows = [["backbone", "step", *(COLUMNS[column][0] for column in shown), "saved"]]
    for state, found in zip(run.backbones, latest, strict=True):
        step = f"{state.step:,}" + (f" of {state.steps:,}" if state.steps else "")
        numbers = [_number(found.get(column, math.nan), COLUMNS[column][1]) for column in shown]
        rows.append([state.name, step, *numbers, "not yet" if state.saved_at is None else when(state.saved_at)])
    return rows


def ago(moment: float) -> str:
    """Returns how long ago a moment was, in seconds since 1970, in the unit that suits it."""
    seconds = time.time() - moment
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= length:
            return f"{seconds / length:.0f} {unit} ago"
    return f"{max(0, seconds):.0f} s ago"


def _told(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M UTC")


def _number(value: float, form: str) -> str:
    return form.format(value) if math.isfinite(value) else "–"


def _legend(points: Any) -> list[tuple[str, str]]:
    emotions = sorted({point.emotion for point in points})
    return list(zip(emotions, emotion_colours(emotions), strict=True))


def _views(path: Path) -> list[list[list[bytes]]]:
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    if not path.is_file():
        return []
    try:
        return view_pictures(load_file(path)["views"].astype("float32"))
    except (SafetensorError, KeyError, ValueError) as error:
        raise CheckpointError(
            f"{path}: holds no views of clips; without the file there is a report without them"
        ) from error
