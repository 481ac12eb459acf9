"""A report as `report.json`, which `report.schema.json` describes."""

from dataclasses import asdict
from typing import Any

from emoclr.evaluate.report.formatting import json_measure, json_metrics
from emoclr.evaluate.report.report import Report
from emoclr.evaluate.speaker_probe import SpeakerProbe


def report_json(report: Report) -> dict[str, Any]:
    """Returns the report as the mapping of `report.json`; what is not defined is None."""
    scores, protocol = report.scores, report.protocol
    return {
        "title": report.title,
        "summary": report.summary,
        "labels": list(report.labels),
        "verdict": [asdict(sentence) for sentence in report.verdict],
        "notes": list(report.notes),
        "heard_in_pretraining": {name: found and dict(found) for name, found in report.heard_in_pretraining.items()},
        "protocol": {
            "clips": protocol.clips,
            "speakers": protocol.speakers,
            "train_clips": protocol.train_clips,
            "train_speakers": protocol.train_speakers,
            "folds": protocol.folds,
            "seeds": list(protocol.seeds),
            "speaker_disjoint": protocol.speaker_disjoint,
            "single_label": scores.truth.single_label,
            "emotions": list(scores.truth.emotions),
            "positive_share": scores.truth.positive_share,
            "bootstrap_resamples": scores.truth.n_resamples,
        },
        "metrics": json_metrics(scores.models[0].metrics),
        "models": {row.name: json_metrics(row.metrics) for row in scores.models},
        "baselines": {row.name: json_metrics(row.metrics) for row in scores.baselines},
        "per_emotion": {
            row.name: json_metrics(row.metrics) | {"threshold": row.threshold, "positives": row.positives}
            for row in scores.emotions
        },
        "groups": {
            column: {
                row.value: {"clips": row.clips, "speakers": row.speakers, "metrics": json_metrics(row.metrics)}
                for row in rows
            }
            for column, rows in scores.groups.items()
        },
        "gaps": {
            column: {
                metric: {"best": gap.best, "worst": gap.worst, **json_measure(gap.difference)}
                for metric, gap in gaps.items()
            }
            for column, gaps in scores.gaps.items()
        },
        "speaker_probe": _json_speaker_probe(report.speaker_probe),
        **{section.name: dict(section.data) for section in report.sections},
        "left_out": report.left_out,
        "set_aside": [{"path": path, "reason": reason} for path, reason in report.set_aside],
        "made": {
            "command": report.command,
            "created": report.created,
            "duration_s": round(report.duration_s, 1),
            "versions": report.versions,
            "corpus_fingerprint": report.fingerprint,
            "settings": report.settings,
        },
    }


def _json_speaker_probe(probe: SpeakerProbe | None) -> dict[str, Any] | None:
    if probe is None:
        return None
    accuracy = {name: json_measure(found) for name, found in probe.rows}
    return {"speakers": probe.speakers, "protocol": probe.protocol, "accuracy": accuracy}
