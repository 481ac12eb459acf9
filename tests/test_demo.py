"""The way of `make demo`, at its smallest: each command takes what the one before it left, and pages are valid."""

import csv
import json
import shutil
import subprocess
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

import emoclr.corpus.cli
import emoclr.finetune.cli
import emoclr.predict.cli
import emoclr.pretrain.cli
import emoclr.probe.cli

BACKBONES = "backbones=[test_byobnet,test_efficientnet]"
QUICK = ("workers=0", "bootstrap_resamples=20")
VNU_JAR = Path(__file__).parents[1] / "node_modules/vnu-jar/build/dist/vnu.jar"
JAVA = shutil.which("java")
VALIDATOR = [vnu] if (vnu := shutil.which("vnu")) else [JAVA, "-jar", VNU_JAR] if JAVA and VNU_JAR.exists() else None
"""The W3C's, where it is installed; see CONTRIBUTING.md."""

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FIGURES = {
    "pretrained/report.html": "figure",
    "probe/report.html": ".forest",
    "emotions/report/report.html": ".forest",
    "compared.html": ".forest",
    "predictions.html": "#recordings .list",
}
"""Of each page the figure that carries its answer."""


@pytest.fixture(scope="module")
def demo(call, tmp_path_factory):
    """A folder with all that the commands leave, and what `probe compare` said."""
    folder = tmp_path_factory.mktemp("demo")

    def ran(command, *words):
        code, told, _ = call(command.main, words, folder)
        assert code == 0, told
        return told

    corpus, run, emotions = (folder / name for name in ("corpus", "pretrained", "emotions"))
    labels = corpus / "labels.csv"
    ran(emoclr.corpus.cli, "demo", "--out", corpus, "--size", "small")
    small = ("epochs=2", "log_every_steps=1", "batch_size=16", "workers=0", f"cache={folder / 'cache'}")
    told = ran(
        emoclr.pretrain.cli,
        "--config",
        "demo.yaml",
        f"data={corpus / 'unlabeled'},{labels}",
        f"out={run}",
        BACKBONES,
        *small,
    )
    assert "set aside" in told
    ran(emoclr.probe.cli, "--from", run, "--data", labels, "--out", folder / "probe", "bootstrap_resamples=20")
    ran(emoclr.finetune.cli, "--from", run, "--data", labels, "--out", emotions, "epochs=1", *QUICK)
    pages = ("--page", folder / "predictions.html", "--out", folder / "predictions.csv")
    ran(emoclr.predict.cli, "--from", emotions, corpus / "labeled", *pages)
    segments = folder / "segments.csv"
    ran(emoclr.corpus.cli, "segment", corpus / "labeled", "--out", segments)
    ran(emoclr.corpus.cli, "label", segments, "--page", folder / "label.html", "--emotions", "joy,fear")
    reports = (folder / "probe", emotions / "report", "--out", folder / "compared.html")
    return folder, ran(emoclr.probe.cli, "compare", *reports)


def test_from_recordings_to_emotions(demo):
    folder, table = demo
    for name in ("probe of", "untrained", "log-mel", "chance", "ensemble"):
        assert name in table.lower()
    for report in (folder / "probe", folder / "emotions/report"):
        assert f"{report / 'report.html'}" in table
        assert "synthetic" in json.loads((report / "report.json").read_text())["notes"][0].lower()
    with (folder / "predictions.csv").open(newline="") as lines:
        answered = list(csv.DictReader(lines))
    with (folder / "corpus/labels.csv").open(newline="") as lines:
        heard = {row["path"].rpartition("/")[2] for row in csv.DictReader(lines)}
    with (folder / "predictions.errors.csv").open(newline="") as lines:
        broken = list(csv.DictReader(lines))
    assert broken
    assert heard - {row["path"].rpartition("/")[2] for row in broken} <= {
        row["path"].rpartition("/")[2] for row in answered
    }
    assert all(0 <= float(row["anger"]) <= 1 for row in answered)


def test_every_table_that_is_passed_on_says_that_voices_are_synthetic(demo):
    folder, _ = demo
    for name in ("probe/answers.csv", "emotions/report/answers.csv", "predictions.csv"):
        with (folder / name).open(newline="") as lines:
            assert all("synthetic" in row["cautions"].lower() for row in csv.DictReader(lines)), name


@pytest.mark.skipif(VALIDATOR is None, reason="the W3C's validator is not installed")
def test_every_page_is_valid_html(demo):
    pages = sorted(demo[0].rglob("*.html"))
    assert len(pages) == 6
    found = subprocess.run([*VALIDATOR, "--asciiquotes", *pages], capture_output=True, text=True, timeout=300)
    assert found.stderr == "" and found.returncode == 0


@pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed")
def test_the_answer_and_its_figure_are_seen_at_once_on_every_page(demo):
    with sync_playwright() as tool:
        browser = tool.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        for width, height in ((1280, 700), (390, 900)):
            tab = browser.new_page(viewport={"width": width, "height": height})
            for name, figure in FIGURES.items():
                tab.goto((demo[0] / name).as_uri())
                box = tab.locator(figure).first.bounding_box()
                assert box["y"] + box["height"] <= height, (name, width)
                assert tab.evaluate("document.documentElement.scrollWidth") == width, (name, width)
        browser.close()
