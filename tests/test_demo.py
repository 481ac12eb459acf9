"""The way of `make demo`, at its smallest: each command takes what the one before it left."""

import csv
import json

import emoclr.corpus.cli
import emoclr.finetune.cli
import emoclr.predict.cli
import emoclr.pretrain.cli
import emoclr.probe.cli

BACKBONES = "backbones=[test_byobnet,test_efficientnet]"
QUICK = ("workers=0", "bootstrap_resamples=20")


def test_from_recordings_to_emotions(call, tmp_path):
    def ran(command, *words):
        code, told, _ = call(command.main, words, tmp_path)
        assert code == 0, told
        return told

    demo, run, emotions = (tmp_path / name for name in ("corpus", "pretrained", "emotions"))
    labels, predictions = demo / "labels.csv", tmp_path / "predictions.csv"
    ran(emoclr.corpus.cli, "demo", "--out", demo, "--size", "small")
    small = ("epochs=1", "batch_size=16", "workers=0", f"cache={tmp_path / 'cache'}")
    told = ran(
        emoclr.pretrain.cli,
        "--config",
        "demo.yaml",
        f"data={demo / 'unlabeled'},{labels}",
        f"out={run}",
        BACKBONES,
        *small,
    )
    assert "set aside" in told
    ran(emoclr.probe.cli, "--from", run, "--data", labels, "--out", tmp_path / "probe", "bootstrap_resamples=20")
    ran(emoclr.finetune.cli, "--from", run, "--data", labels, "--out", emotions, "epochs=1", *QUICK)
    ran(emoclr.predict.cli, "--from", emotions, demo / "labeled", "--out", predictions)
    table = ran(emoclr.probe.cli, "compare", tmp_path / "probe", emotions / "report")

    for name in ("probe of", "untrained", "log-mel", "chance", "ensemble"):
        assert name in table.lower()
    for folder in (tmp_path / "probe", emotions / "report"):
        assert f"{folder / 'report.html'}" in table
        assert "synthetic" in json.loads((folder / "report.json").read_text())["notes"][0].lower()
    with predictions.open(newline="") as lines:
        answered = list(csv.DictReader(lines))
    with labels.open(newline="") as lines:
        heard = {row["path"].rpartition("/")[2] for row in csv.DictReader(lines)}
    with (tmp_path / "predictions.errors.csv").open(newline="") as lines:
        broken = list(csv.DictReader(lines))
    assert broken
    assert heard - {row["path"].rpartition("/")[2] for row in broken} <= {
        row["path"].rpartition("/")[2] for row in answered
    }
    assert all(0 <= float(row["anger"]) <= 1 for row in answered)
