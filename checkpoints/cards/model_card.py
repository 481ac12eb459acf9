"""The card of a release for people: a README as the hub shows it, of what `release.yaml` holds."""

import math
import re
from collections.abc import Iterable, Mapping
from typing import Any

from emoclr.checkpoints.cards.release_card import ReleaseCard
from emoclr.checkpoints.cards.settings import Corpus
from emoclr.evaluate.metrics.intervals import Measure
from emoclr.evaluate.metrics.registry import EMOTION_METRICS, METRICS, headline_columns
from emoclr.evaluate.report.formatting import markdown_cell, markdown_code, markdown_table, markdown_text, number

Json = Mapping[str, Any]

TASKS = {"encoders": "feature-extraction", "ensemble": "audio-classification"}
"""What the hub calls what a release does."""

USES = {
    "encoders": """probe    --from {name} --data labels.csv --out reports/probe
finetune --from {name} --data labels.csv --out checkpoints/my-emotions""",
    "ensemble": "predict --from {name} recording.m4a",
}
"""Commands, by what a release holds."""


def model_card(card: ReleaseCard) -> str:
    """Returns `README.md`: front matter in YAML, then text and tables in Markdown; every number is of the card."""
    said = card.said
    parts = [f"---\n{front_matter(card)}\n---", f"# {markdown_text(card.name)}", markdown_text(said.description)]
    parts += [f"> {markdown_text(said.limits[:1].upper() + said.limits[1:])}."] if said.limits else []
    parts += ["## Use", markdown_code(USES[card.kind].format(name=card.name))]
    parts += ["## Not for", "\n".join(f"- {markdown_text(use)}" for use in said.not_for)]
    parts += ["## Data and licences", *map(_corpus, said.corpora)]
    parts += [f"Licence of the weights: **{markdown_text(said.licence)}**."]
    for report in card.reports:
        parts += _report(report)
    parts += ["## Networks", *_networks(card)]
    parts += ["## How it was made", markdown_code("\n".join(card.commands))]
    made = [f"Commit {', '.join(card.commits)}." if card.commits else "", _versions(card.versions)]
    parts.append(markdown_text(" ".join(filter(None, made))))
    return "\n\n".join(parts) + "\n"


def front_matter(card: ReleaseCard) -> str:
    """Returns what the hub reads of a card, as YAML: licence, languages, task and results."""
    from huggingface_hub import EvalResult, ModelCardData

    results = [
        EvalResult(
            task_type=TASKS[card.kind],
            dataset_type=re.sub(r"\W+", "-", report["title"]).strip("-").lower(),
            dataset_name=report["title"],
            metric_type=name,
            metric_name=METRICS[name].label,
            metric_value=found["value"],
        )
        for report in card.reports
        for name in headline_columns(report["protocol"]["single_label"])
        if (found := report["metrics"].get(name)) and found["value"] is not None
    ]
    made = ModelCardData(
        license=card.said.licence,
        language=card.said.languages or None,
        library_name="emoclr",
        pipeline_tag=TASKS[card.kind],
        tags=["audio", "speech-emotion-recognition", "self-supervised-learning"],
        model_name=card.name,
        eval_results=results or None,
    )
    return str(made.to_yaml()).strip()


def _corpus(corpus: Corpus) -> str:
    link = f"[{markdown_text(corpus.name)}]({corpus.url})"
    told = f"{link}, {markdown_text(corpus.licence)}: {markdown_text(corpus.part)}."
    return f"{told} {markdown_text(corpus.attribution)}".strip()


def _report(report: Json) -> list[str]:
    """Returns a report as blocks of Markdown: models and baselines, emotions, groups, voices."""
    names = headline_columns(report["protocol"]["single_label"])
    parts = [f"## {markdown_text(report['title'])}", markdown_text(report["summary"])]
    parts += [f"> {markdown_text(note)}" for note in report["notes"]]
    parts += [markdown_code(report["made"]["command"])]
    parts += ["Value [95 % interval over speakers]; models first, then baselines."]
    labels = [METRICS[name].label for name in names]
    rows = [
        [markdown_cell(row), *_cells(found, names)] for row, found in (report["models"] | report["baselines"]).items()
    ]
    parts.append(markdown_table(["", *labels], rows))
    if differences := report.get("ensemble", {}).get("differences"):
        rows = [[markdown_cell(pair), *_cells(found, names)] for pair, found in differences.items()]
        parts.append(markdown_table(["difference", *labels], rows))
    emotions = [
        [markdown_cell(row), str(found["positives"]), *_cells(found, EMOTION_METRICS), number(found["threshold"])]
        for row, found in report["per_emotion"].items()
    ]
    head = ["emotion", "positive clips", *(metric.label for metric in EMOTION_METRICS.values()), "threshold"]
    parts.append(markdown_table(head, emotions))
    for column, groups in report["groups"].items():
        compared = [name for name in names if any(name in group["metrics"] for group in groups.values())]
        rows = [
            [markdown_cell(value), str(group["clips"]), str(group["speakers"]), *_cells(group["metrics"], compared)]
            for value, group in groups.items()
        ]
        parts.append(markdown_table([column, "clips", "speakers", *(METRICS[name].label for name in compared)], rows))
    if voices := report["speaker_probe"]:
        rows = [[markdown_cell(name), _cell(found)] for name, found in voices["accuracy"].items()]
        parts.append(markdown_table(["speaker probe", f"accuracy of {voices['speakers']} voices"], rows))
    return parts


def _networks(card: ReleaseCard) -> list[str]:
    """Returns the networks as a table, and how far half precision takes them from the run."""
    rows = [
        [
            markdown_cell(name),
            markdown_cell(n.backbone),
            f"{n.weights:,}",
            f"{n.bytes / 1e6:.1f}",
            f"{n.difference:.2g}",
        ]
        for name, n in card.networks.items()
    ]
    told = (
        f"{card.megabytes:.1f} MB together, in half precision; loaded as single precision. "
        "On a made-up signal their embeddings differ from those of the training run by the part of their length that "
        f"the table shows; {card.tolerance:g} is allowed."
    )
    if card.difference is not None:
        told += f" The ensemble's probabilities differ by {card.difference:.2g}."
    return [markdown_table(["network", "backbone", "weights", "MB", "difference"], rows), told]


def _versions(versions: Mapping[str, str]) -> str:
    return f"{', '.join(f'{name} {version}' for name, version in versions.items())}." if versions else ""


def _cells(metrics: Json, names: Iterable[str]) -> list[str]:
    return [_cell(metrics.get(name)) for name in names]


def _cell(found: Json | None) -> str:
    """Returns a cell of what `report.json` holds of a number."""
    if found is None or found["value"] is None:
        return number(None)
    low, high = (math.nan if bound is None else bound for bound in found["ci95"])
    return markdown_cell(Measure(found["value"], low, high))
