import os
import re
import shutil
from datetime import UTC, datetime

import pytest
import yaml

from emoclr.evaluate.figures.render import figure_svg
from emoclr.pretrain.cli import main
from emoclr.pretrain.encoder.folders import CARD, RUN
from emoclr.pretrain.report.figures import curve_figures
from emoclr.pretrain.report.report import changes
from emoclr.pretrain.report.run_state import BackboneState, read_run
from emoclr.pretrain.resume.history import Change


@pytest.fixture
def status(call):
    return lambda folder, *more: call(main, ["--status", folder, *more], folder)


def test_status_tells_of_every_backbone_and_writes_the_report(finished, status):
    (finished.out / "report.html").unlink()
    ran = status(finished.out)
    assert ran.code == 0 and "2 of 2 backbones trained to the end" in ran.told
    for backbone in ("test_resnet", "test_efficientnet"):
        assert re.search(rf"{backbone} +6 of 6 +\d+\.\d{{3}} ", ran.told)
    assert "AUROC" not in ran.told
    page = (finished.out / "report.html").read_text()
    assert page.count("<svg") == 6 and "test_efficientnet" in page


def test_curves_whose_zero_means_something_begin_there():
    """A spread between 0.995 and 1.002 is a healthy one that moves by nothing; of a loss the change is what counts."""
    rows = [
        {"step": float(step), "embedding_std": 0.995 + step / 1e4, "loss": 1.995 + step / 1e4} for step in range(70)
    ]
    figures = {figure.title: figure_svg(figure) for figure in curve_figures([BackboneState("resnet10t", 70, rows)])}
    ticks = {
        title: sorted(float(tick) for tick in re.findall(r">(\d\.\d+)</text>", svg)) for title, svg in figures.items()
    }
    assert ticks["Spread"][0] == 0.0 and ticks["Spread"][-1] >= 1.0
    assert ticks["Loss"][0] > 1.9


@pytest.mark.parametrize("steps", [[8], [100, 200]])
def test_a_curve_of_two_points_is_none(steps):
    rows = [{"step": float(step), "loss": 2.5} for step in steps]
    assert curve_figures([BackboneState("resnet10t", 70, rows)]) == []


@pytest.mark.parametrize("steps", [[1, 2, 3], [100, 200, 201]])
def test_there_is_no_half_a_step(steps):
    rows = [{"step": float(step), "loss": 2.5} for step in steps]
    (figure,) = curve_figures([BackboneState("resnet10t", 70, rows)])
    svg = figure_svg(figure)
    below = svg[: svg.index('class="matplotlib.axis_2"')]
    ticks = [float(tick) for tick in re.findall(r">([\d.,]+)</text>", below)]
    assert ticks and all(tick.is_integer() for tick in ticks) and min(steps) in ticks


def test_the_page_says_when_a_backbone_was_saved_and_the_screen_how_long_ago(finished, status, tmp_path):
    out = shutil.copytree(finished.out, tmp_path / "run")
    day_before_noon = datetime(2025, 3, 9, 11, 59, tzinfo=UTC).timestamp()
    os.utime(out / "test_resnet" / CARD, (day_before_noon, day_before_noon))
    assert re.search(r"test_resnet .* \d+ d ago", status(out).told)
    page = (out / "report.html").read_text()
    assert "2025-03-09 11:59 UTC" in page and " ago" not in page


def test_how_a_run_went_on_is_told_against_what_it_was_before(finished):
    card = read_run(finished.out).card
    assert "How it went on" not in (finished.out / "report.html").read_text()
    first, second = {"torch": "2.11", "timm": "1.0"}, {"torch": "2.12", "timm": "1.0", "gone": "3"}
    began = card.model_copy(update={"versions": first, "commit": "a"})
    history = [
        Change(steps={"r": 20}, differences={"epochs": [5, 9]}, versions=second, commit="b"),
        Change(versions=second | {"torch": "2.13"}, commit="b"),
    ]
    assert list(changes(began.model_copy(update={"history": history}))) == [
        ("r after step 20", ["epochs 9, was 5", "gone 3, was none", "torch 2.12, was 2.11", "commit b, was a"]),
        ("before the first step", ["torch 2.13, was 2.12"]),
    ]


def test_a_run_that_has_just_begun_has_a_status(finished, status, tmp_path):
    (tmp_path / RUN).write_bytes((finished.out / RUN).read_bytes())
    ran = status(tmp_path)
    assert ran.code == 0 and "0 of 2 backbones trained to the end" in ran.told
    assert re.search(r"test_resnet +0 of 6 +not yet", ran.told)


def test_a_stopped_run_has_a_report_and_says_how_far_it_came(stopped, status):
    assert (stopped.out / "report.html").is_file()
    assert re.search(r"test_resnet +2 of 6 ", status(stopped.out).told)


def test_a_folder_without_a_run_is_one_no_folder_two_and_status_takes_no_settings(status, tmp_path):
    ran = status(tmp_path / "nothing")
    assert ran.code == 2 and f"error: {tmp_path / 'nothing'}: no such folder" in ran.told
    ran = status(tmp_path)
    assert ran.code == 1 and f"error: {tmp_path}: is no run folder: it holds no {RUN}" in ran.told
    assert not (tmp_path / "nothing").exists()
    with pytest.raises(SystemExit) as ended:
        status(tmp_path, "epochs=3")
    assert ended.value.code == 2


@pytest.mark.parametrize("name", ["views.safetensors", "test_resnet/embedding-map.csv"])
def test_what_is_no_part_of_a_run_is_told_with_its_file(finished, status, tmp_path, name):
    out = shutil.copytree(finished.out, tmp_path / "run")
    (out / name).write_text("x,y\n1,a\n")
    ran = status(out)
    assert ran.code == 1 and f"error: {out / name}: holds no " in ran.told


def test_backbones_of_a_card_lie_in_its_run(finished, status, tmp_path):
    out = shutil.copytree(finished.out, tmp_path / "run")
    card = yaml.safe_load((out / RUN).read_text())
    (out / RUN).write_text(yaml.safe_dump(card | {"steps": {"../elsewhere": 6}}))
    assert "backbones: ../elsewhere is no name" in status(out).told
