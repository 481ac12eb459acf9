"""The most confident mistakes of a model, as a section of a report with its clips to be seen and heard."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from emoclr.evaluate.metrics.arrays import Array
from emoclr.evaluate.report.formatting import json_number
from emoclr.evaluate.report.predictions_csv import ScoredClips
from emoclr.evaluate.report.section import Example, Section
from emoclr.evaluate.scores import Prediction, Truth

MAX_MISTAKES = 20
MAX_SHOWN_S = 10.0
"""Seconds of a clip that are shown and heard: with `MAX_MISTAKES`, it bounds the size of the page."""


@dataclass(frozen=True)
class Mistake:
    """A clip that was classified wrongly.

    Attributes:
        clip: its row.
        emotion: column of the emotion that was wrongly named, or wrongly not named.
        named: which of the two.
        confidence: from 0 to 1.
    """

    clip: int
    emotion: int
    named: bool
    confidence: float


def find_mistakes(truth: Truth, answer: Prediction, most: int = MAX_MISTAKES) -> list[Mistake]:
    """Returns the most confident mistakes, the worst first, one a clip.

    Where clips have one label, confidence is the probability of the wrong answer. Otherwise it is how far a
    probability lies on the wrong side of its threshold, as a share of the way from the threshold to certainty, times
    how far it is from the label: being sure of what half of the listeners heard is a small mistake.
    """
    probability = answer.probabilities
    n_clips = len(probability)
    if truth.single_label:
        emotions = probability.argmax(1)
        wrong = emotions != truth.targets.argmax(1)
        confidence = np.where(wrong, probability[np.arange(n_clips), emotions], -1.0)
        named = np.ones(n_clips, dtype=np.bool_)
    else:
        threshold = np.broadcast_to(answer.thresholds, probability.shape)
        all_named = probability >= threshold
        room = np.where(all_named, 1 - threshold, threshold)
        margin = np.divide(np.abs(probability - threshold), room, out=np.zeros_like(room), where=room > 0)
        weighted = np.minimum(margin, 1.0) * np.abs(probability - truth.targets)
        weighted = np.where(all_named != (truth.targets >= truth.positive_share), weighted, -1.0)
        emotions = weighted.argmax(1)
        confidence = weighted[np.arange(n_clips), emotions]
        named = all_named[np.arange(n_clips), emotions]
    order = np.argsort(-confidence, kind="stable")[:most]
    return [
        Mistake(int(clip), int(emotions[clip]), bool(named[clip]), float(confidence[clip]))
        for clip in order
        if confidence[clip] >= 0
    ]


def mistakes_section(
    truth: Truth,
    answer: Prediction,
    clips: ScoredClips,
    presented: Callable[[int], Example],
    *,
    players: bool,
) -> Section:
    """Returns the section of the most confident mistakes.

    Args:
        truth: the scored clips, `n` of them.
        answer: the headline model's predictions for them.
        clips: their names and speakers, rows as in `truth`.
        presented: gives the title, the picture and the sound of a clip, as an example without facts.
        players: whether the page holds their sound.
    """
    mistakes = find_mistakes(truth, answer)
    speakers = ["" if clips.speakers is None else clips.speakers[mistake.clip] for mistake in mistakes]
    examples = [
        replace(
            presented(mistake.clip),
            facts=_facts(truth, answer, mistake, speaker),
            sentence=_sentence(truth, answer, mistake),
        )
        for mistake, speaker in zip(mistakes, speakers, strict=True)
    ]
    return Section(
        name="mistakes",
        title="Most confident mistakes",
        text=_text(truth, answer.name, examples),
        examples=examples,
        data={
            "model": answer.name,
            "players": players,
            "clips": [
                _json_mistake(truth, answer, mistake, clips, speaker)
                for mistake, speaker in zip(mistakes, speakers, strict=True)
            ],
        },
    )


def _json_mistake(
    truth: Truth, answer: Prediction, mistake: Mistake, clips: ScoredClips, speaker: str
) -> dict[str, object]:
    path, start_s, end_s = clips.names[mistake.clip]
    return {
        "path": path,
        "start_s": float(start_s),
        "end_s": float(end_s) if end_s else None,
        "speaker": speaker or None,
        "emotion": truth.emotions[mistake.emotion],
        "kind": "named" if mistake.named else "missed",
        "confidence": json_number(mistake.confidence),
        "labels": _by_emotion(truth, truth.targets, mistake.clip),
        "probabilities": _by_emotion(truth, answer.probabilities, mistake.clip),
    }


def _facts(truth: Truth, answer: Prediction, mistake: Mistake, speaker: str) -> list[tuple[str, str]]:
    clip, emotion = mistake.clip, truth.emotions[mistake.emotion]
    target, probability = truth.targets[clip], answer.probabilities[clip]
    facts = [("labelled", _listed(truth, target, target > 0))]
    if truth.single_label:
        top = np.isin(np.arange(len(probability)), np.argsort(-probability, kind="stable")[:3])
        facts.append(("answered", _listed(truth, probability, top)))
    else:
        threshold = np.broadcast_to(answer.thresholds, truth.targets.shape)[clip]
        facts.append(("answered", _listed(truth, probability, probability >= threshold)))
        said, limit = f"{probability[mistake.emotion]:.2f}", f"{threshold[mistake.emotion]:.2f}"
        kind = "wrongly named" if mistake.named else "missed"
        wrong = f"{emotion} {kind}: {said}, named from {limit} on; labelled {target[mistake.emotion]:.2f}"
        # One term for both: in Markdown it heads a column.
        facts.insert(0, ("mistake", wrong))
    return [*facts, ("speaker", speaker)] if speaker else facts


def _sentence(truth: Truth, answer: Prediction, mistake: Mistake) -> str:
    """Returns a mistake as one says it: "labelled anger; heard neutral (39 %), anger only 10 % (needs 32 %)"."""
    target, probability = truth.targets[mistake.clip], answer.probabilities[mistake.clip]
    order = np.argsort(-target, kind="stable")
    labels = [place for place in order if target[place] > 0]
    shares = ["" if target[place] == 1 else f" {_percent(target[place])}" for place in labels]
    labelled = [f"{truth.emotions[place]}{share}" for place, share in zip(labels, shares, strict=True)]
    if truth.single_label:
        right = int(target.argmax())
        heard = [f"{truth.emotions[mistake.emotion]} ({_percent(probability[mistake.emotion])})"]
        missed = f"{truth.emotions[right]} only {_percent(probability[right])}"
    else:
        needed = np.broadcast_to(answer.thresholds, truth.targets.shape)[mistake.clip]
        named = [place for place in np.argsort(-probability, kind="stable") if probability[place] >= needed[place]]
        limit = f"needs {_percent(needed[mistake.emotion])}"
        also = {mistake.emotion: f", {limit}"}
        heard = [f"{truth.emotions[place]} ({_percent(probability[place])}{also.get(place, '')})" for place in named]
        missed = f"{truth.emotions[mistake.emotion]} only {_percent(probability[mistake.emotion])} ({limit})"
        missed = "" if mistake.named else missed
    said = ", ".join([*(heard or ["nothing"]), *filter(None, [missed])])
    return f"labelled {', '.join(labelled) or 'nothing'}; heard {said}"


def _percent(share: float) -> str:
    return f"{100 * share:.0f}\u00a0%"


def _listed(truth: Truth, values: Array, shown: NDArray[np.bool_]) -> str:
    order = [place for place in np.argsort(-values, kind="stable") if shown[place]]
    return ", ".join(f"{truth.emotions[place]} {values[place]:.2f}" for place in order) or "nothing"


def _by_emotion(truth: Truth, values: Array, clip: int) -> dict[str, float | None]:
    return {emotion: json_number(float(value)) for emotion, value in zip(truth.emotions, values[clip], strict=True)}


def _text(truth: Truth, model: str, examples: list[Example]) -> str:
    if not examples:
        return f"{model} answered no clip wrongly."
    if truth.single_label:
        order = "ordered by the probability of the wrong answer"
    else:
        order = (
            "one emotion a clip, ordered by how far its probability lies beyond the threshold, times how far from the "
            "label"
        )
    count = "The clip" if len(examples) == 1 else f"The {len(examples)} clips"
    text = f"{count} that {model} is most confidently wrong about, {order}. It may be the label that is wrong. "
    text += f"Of longer clips, the first {MAX_SHOWN_S:g} s are shown."
    if any(example.sound for example in examples):
        text += " report.html holds the sound of these clips: give it only to those who may hear them (players=false "
        text += "leaves it out)."
    return text
