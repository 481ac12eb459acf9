import json
import re

import numpy as np
import pytest
import safetensors.torch
import torch
import yaml

import emoclr.checkpoints.cli
import emoclr.checkpoints.run
from emoclr.checkpoints.agreement import AgreementError, made_up_windows
from emoclr.checkpoints.cards.release_card import ReleaseCard
from emoclr.checkpoints.cards.settings import ReleaseSettings
from emoclr.checkpoints.half_precision import halved
from emoclr.checkpoints.run import release
from emoclr.finetune.model.checkpoint import load_ensemble
from emoclr.pretrain.encoder.checkpoint import load_encoder
from emoclr.pretrain.encoder.folders import CheckpointError


def files_of(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def card_of(folder):
    return ReleaseCard.model_validate(yaml.safe_load((folder / "release.yaml").read_text()))


@pytest.fixture
def said(runs):
    return ReleaseSettings.model_validate(yaml.safe_load((runs / "card.yaml").read_text()))


def test_a_release_of_encoders_holds_half_the_bytes_and_gives_the_same_embeddings(runs, released):
    folder = released / "emoclr-small"
    assert files_of(folder) == [
        "README.md",
        "release.yaml",
        *(f"test_resnet/{name}" for name in ("encoder.safetensors", "encoder.yaml", "fingerprints.npy", "run.yaml")),
    ]
    sizes = [(place / "test_resnet/encoder.safetensors").stat().st_size for place in (runs / "my-run", folder)]
    assert 0.5 < sizes[1] / sizes[0] < 0.6
    (before, _), (after, card) = (load_encoder(place) for place in (runs / "my-run", folder))
    assert {parameter.dtype for parameter in after.parameters()} == {torch.float32}
    with torch.inference_mode():
        first, second = (network(made_up_windows(card.crop_s)) for network in (before, after))
    difference = ((first - second).norm(dim=1) / first.norm(dim=1)).max().item()
    assert 0 < difference < 0.01
    assert card_of(folder).networks["test_resnet"].difference == pytest.approx(difference, rel=0.1)


def test_a_release_of_an_ensemble_gives_the_same_probabilities_and_its_limits(runs, released):
    folder = released / "emoclr-small-emotions"
    assert files_of(folder) == [
        "README.md",
        "ensemble.yaml",
        "release.yaml",
        "run.yaml",
        "test_resnet/fingerprints.npy",
        "test_resnet/model.safetensors",
        "test_resnet/model.yaml",
        "test_resnet/trained_fingerprints.npy",
        "test_resnet/validated_fingerprints.npy",
    ]
    (before, then), (after, card) = (load_ensemble(place) for place in (runs / "my-emotions", folder))
    windows = made_up_windows(card.window_s)
    first, second = (each.probabilities(each(windows).detach().double().numpy()) for each in (before, after))
    assert 0 < np.abs(first - second).max() < 0.01
    assert card.limits == "noise of two kinds" and then.limits == ""
    assert card.model_copy(update={"limits": ""}) == then


def test_statistics_stay_as_they_are_and_what_float16_cannot_hold_is_bfloat16(released):
    stored = safetensors.torch.load_file(released / "emoclr-small/test_resnet/encoder.safetensors")
    assert {tensor.dtype for tensor in stored.values() if tensor.dim() == 4} == {torch.float16}
    assert {tensor.dtype for name, tensor in stored.items() if "running_" in name} == {torch.float32}
    tiny = {"running_var": torch.full((3,), 1e-9), "large": torch.tensor([[1.0, 7e4]])}
    made = halved(tiny)
    assert torch.equal(made["running_var"], tiny["running_var"])
    assert made["large"].dtype == torch.bfloat16 and made["large"].isfinite().all()


def test_no_file_tells_of_the_machine(runs, released):
    for path in released.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert str(runs).encode() not in content and b"decoded" not in content, path
    run = yaml.safe_load((released / "emoclr-small/test_resnet/run.yaml").read_text())["settings"]
    assert (run["data"], run["out"], run["cache"], run["workers"]) == (
        ["recordings", "votes.csv"],
        "my-run",
        None,
        None,
    )


def test_the_cards_hold_the_numbers_of_the_report(runs, released):
    report = json.loads((runs / "my-emotions/report/report.json").read_text())
    folder = released / "emoclr-small-emotions"
    card = card_of(folder)
    for key in ("metrics", "models", "baselines", "per_emotion", "groups", "gaps", "speaker_probe"):
        assert card.reports[0][key] == report[key]
    assert card.commands == ["finetune --from my-run --data votes.csv"] and card.commits == ["0123abc"]
    _, front, text = (folder / "README.md").read_text().split("---\n", maxsplit=2)
    hub = yaml.safe_load(front)
    assert (hub["license"], hub["language"], hub["pipeline_tag"]) == ("apache-2.0", ["en"], "audio-classification")
    results = {
        metric["type"]: metric["value"] for result in hub["model-index"][0]["results"] for metric in result["metrics"]
    }
    assert results["macro_auroc"] == report["metrics"]["macro_auroc"]["value"]
    found = report["models"]["ensemble"]["macro_auroc"]
    low, high = found["ci95"]
    assert f"{found['value']:.3f} [{low:.3f}–{high:.3f}]" in re.search(r"^\| ensemble .*$", text, re.MULTILINE)[0]
    assert re.search(r"^\| mean − best .*0\.012 \[0\.004–0\.021\]", text, re.MULTILINE)
    assert "secret.wav" not in (folder / "release.yaml").read_text()
    for group in report["groups"]["sex"]:
        assert re.search(rf"^\| {group} \|", text, re.MULTILINE)
    for words in ("Noise of two kinds.", "- people", "CC0-1.0", "0123abc"):
        assert words in text


def test_what_differs_from_its_run_is_not_released(runs, said, tmp_path, monkeypatch):
    def coarse(tensors):
        return {name: tensor.sign() if tensor.dim() == 4 else tensor for name, tensor in tensors.items()}

    monkeypatch.setattr(emoclr.checkpoints.run, "halved", coarse)
    for name in ("my-run", "my-emotions"):
        with pytest.raises(AgreementError, match=r"differ by .* 0\.01 is allowed"):
            release([runs / name], tmp_path / "out", said)
    assert list(tmp_path.iterdir()) == []


def test_unfinished_doubled_and_mixed_runs_are_refused(runs, said, tmp_path):
    out = tmp_path / "out"
    with pytest.raises(Exception, match="second test_resnet"):
        release([runs / "my-run", runs / "my-run/test_resnet"], out, said)
    with pytest.raises(Exception, match="ensemble, which is released alone"):
        release([runs / "my-emotions", runs / "my-run"], out, said)
    card = yaml.safe_load((runs / "my-run/test_resnet/encoder.yaml").read_text())
    begun = tmp_path / "begun/test_resnet"
    begun.mkdir(parents=True)
    (begun / "encoder.yaml").write_text(yaml.safe_dump({**card, "steps": 5}))
    (begun / "encoder.safetensors").write_bytes((runs / "my-run/test_resnet/encoder.safetensors").read_bytes())
    with pytest.raises(CheckpointError, match="step 1 of 5"):
        release([begun.parent], out, said)
    assert [path.name for path in tmp_path.iterdir()] == ["begun"]


def test_the_command_releases_and_says_how_large(runs, call, tmp_path):
    out = tmp_path / "small"
    words = ["release", runs / "my-run", "--config", runs / "card.yaml", "--out", out, "--report", runs / "my-emotions"]
    done = call(emoclr.checkpoints.cli.main, words, out)
    assert done.code == 0 and f"{out}: 0." in done.told and "test_resnet: 0." in done.told
    assert card_of(out).reports[0]["title"] == "Linear probe of made-up embeddings"
    again = call(emoclr.checkpoints.cli.main, words, out)
    assert again.code == 2 and "is there already" in again.told
