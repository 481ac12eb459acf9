"""`predict export`: one file that says what `predict` says, wherever it runs, or no file."""

import csv
import dataclasses
import importlib.util
import json
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile as sf
import torch
from numpy.typing import NDArray

import emoclr.predict.export.run
from emoclr.configs.errors import EmoclrError
from emoclr.finetune.model.checkpoint import EnsembleCard, load_ensemble
from emoclr.finetune.model.folders import ENSEMBLE_CARD
from emoclr.predict.data_frame import predict_frame
from emoclr.predict.export.facts import ensemble_facts
from emoclr.predict.export.forms import FORMS, Facts, FileForm, Floats
from emoclr.predict.export.onnx_session import onnx_session
from emoclr.predict.export.parity import check_parity
from emoclr.pretrain.encoder.checkpoint import load_card, load_encoder
from emoclr.pretrain.encoder.folders import find_run

ROOT = Path(__file__).parents[3]
CONSUMER = ROOT / "examples/emotions_from_onnx.py"


def test_nothing_else_is_written(exported: Path) -> None:
    names = {"emotions.onnx", "rounded.onnx", "encoder.pt2", "embedded.npy", "home"}
    assert {path.name for path in exported.iterdir()} == names
    assert list((exported / "home").rglob("*")) == []


def test_a_file_holds_no_path_of_the_machine_that_wrote_it(exported: Path) -> None:
    packages = Path(torch.__file__).parents[1]
    with zipfile.ZipFile(exported / "encoder.pt2") as archive:
        contents = [(exported / "emotions.onnx").read_bytes(), *(archive.read(name) for name in archive.namelist())]
    for place in (ROOT, packages):
        assert [content for content in contents if bytes(place) in content] == []


@pytest.mark.parametrize("name", ["short.wav", "long.wav"])
def test_the_consumer_says_what_the_timeline_says(exported: Path, emotions: Path, recordings: Path, name: str) -> None:
    words = [sys.executable, CONSUMER, exported / "emotions.onnx", recordings / name]
    told = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    found = list(csv.DictReader(told.splitlines()))
    expected = predict_frame(emotions, recordings / name, timeline=True, gate="none")
    assert [row["emotions"] for row in found] == [";".join(named) for named in expected["emotions"]]
    for column in ("start_s", "end_s", "anger", "sadness"):
        # Python computes in bf16 where the processor is quick in it.
        numbers = [float(row[column]) for row in found]
        assert numbers == pytest.approx(expected[column].tolist(), abs=0.01 if column.isalpha() else 1e-3)


def test_the_consumer_needs_neither_torch_nor_emoclr(exported: Path, recordings: Path) -> None:
    code = (
        "import runpy, sys; sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0]); "
        "sys.exit(bool({'torch', 'emoclr', 'librosa', 'scipy', 'onnx'} & set(sys.modules)))"
    )
    words = [sys.executable, "-c", code, CONSUMER, exported / "emotions.onnx", recordings / "long.wav"]
    assert subprocess.run(words, capture_output=True, check=False).returncode == 0


def test_the_consumer_says_how_to_convert_a_recording_of_another_rate(exported: Path, tmp_path: Path) -> None:
    sf.write(tmp_path / "high.wav", np.zeros(44_100), 44_100)
    words = [sys.executable, CONSUMER, exported / "emotions.onnx", tmp_path / "high.wav"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "ffmpeg" in done.stderr and "Traceback" not in done.stderr


def test_a_program_of_torch_gives_the_embeddings_of_the_encoder(
    exported: Path, encoder: Path, waveforms: NDArray[np.float32]
) -> None:
    network, card = load_encoder(encoder)
    with torch.inference_mode():
        expected = network(torch.from_numpy(waveforms)).numpy()
    np.testing.assert_allclose(np.load(exported / "embedded.npy"), expected, rtol=1e-3, atol=1e-4)
    facts = FORMS["torch"].facts(exported / "encoder.pt2")
    assert facts["output"] == "embeddings" and float(facts["window_s"]) == card.crop_s
    assert json.loads(facts["weights_sha256"]) == {".": card.weights_sha256}


def test_a_file_says_how_it_is_used(exported: Path, emotions: Path) -> None:
    session = onnx_session(exported / "emotions.onnx")
    _, card = load_ensemble(emotions)
    facts = session.get_modelmeta().custom_metadata_map
    assert facts == FORMS["onnx"].facts(exported / "emotions.onnx") == ensemble_facts(emotions, card)
    assert json.loads(facts["emotions"]) == card.emotions and json.loads(facts["thresholds"]) == card.thresholds
    assert (facts["sample_rate"], facts["window_s"], facts["hop_s"], facts["short"]) == ("16000", "0.5", "0.3", "zero")
    assert EnsembleCard(**json.loads(facts["card"])) == card
    (given,), (found,) = session.get_inputs(), session.get_outputs()
    assert (given.name, given.shape) == ("waveforms", ["batch", "samples"])
    assert (found.name, found.shape) == ("probabilities", ["batch", 2])


def test_running_a_file_writes_and_reports_nothing(exported: Path, tmp_path: Path) -> None:
    """ONNX Runtime makes an id of the machine and a database of reports in the home folder, unless told not to."""
    home = {name: value for name, value in os.environ.items() if not name.startswith(("ORT_", "XDG_"))}
    code = (
        "import sys; from pathlib import Path; from emoclr.predict.export.onnx_session import onnx_session as session"
    )
    command = [sys.executable, "-c", f"{code}; session(Path(sys.argv[1]))", str(exported / "emotions.onnx")]
    environment = home | {"HOME": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"}
    assert subprocess.run(command, check=False, env=environment).returncode == 0
    assert list(tmp_path.rglob("*")) == []


def test_weights_of_8_bits_make_a_smaller_file_that_says_nearly_the_same(
    exported: Path, emotions: Path, waveforms: NDArray[np.float32]
) -> None:
    exact, rounded = (exported / name for name in ("emotions.onnx", "rounded.onnx"))
    model, _ = load_ensemble(emotions, fold=False)
    matrices = [weights for weights in model.parameters() if weights.dim() > 1]
    saved = exact.stat().st_size - rounded.stat().st_size
    assert saved > 2 * sum(weights.numel() for weights in matrices if weights.numel() > 10_000)
    assert FORMS["onnx"].facts(exact)["weights"] == "exact" and FORMS["onnx"].facts(rounded)["weights"] == "int8"
    found, expected = (onnx_session(file).run(None, {"waveforms": waveforms})[0] for file in (rounded, exact))
    assert 0 < np.abs(found - expected).max() < 0.02


def test_audonnx_gives_the_same_as_the_docs_say(exported: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORT_DISABLE_TELEMETRY", "1")  # before the import of ONNX Runtime
    pytest.importorskip("audonnx")
    monkeypatch.chdir(exported)
    (snippet,) = re.findall(r"^```python\n(.*?)^```", (ROOT / "docs/export.md").read_text(), re.DOTALL | re.MULTILINE)
    waveform = 0.1 * np.random.default_rng(1).normal(size=8_000).astype(np.float32)
    names: dict[str, Any] = {"waveform": waveform}
    exec(compile(snippet, "docs/export.md", "exec"), names)
    expected = onnx_session(exported / "emotions.onnx").run(None, {"waveforms": waveform[None]})[0]
    np.testing.assert_allclose(names["probabilities"], expected, atol=1e-6)
    assert names["model"].labels("probabilities") == ["anger", "sadness"]


def test_a_file_of_a_released_model_has_its_licence_and_limits() -> None:
    run = find_run("emoclr-small-emotions")
    card = load_card(run / ENSEMBLE_CARD, EnsembleCard)
    facts = ensemble_facts(run, card)
    assert facts["licence"] == "apache-2.0" and "CREMA-D" in facts["limits"]
    assert facts["name"] == "emoclr-small-emotions" and set(json.loads(facts["weights_sha256"])) == set(card.members)
    assert json.loads(facts["release"])["not_for"]


def test_what_is_exported_has_the_weights_of_the_release_which_fit_into_half_precision(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    exported: list[torch.nn.Module] = []

    def write(network: Any, example: Any, out: Path, output: str, facts: Facts) -> None:
        exported.append(network)
        raise EmoclrError("enough")

    monkeypatch.setitem(FORMS, "onnx", dataclasses.replace(FORMS["onnx"], write=write))
    with pytest.raises(EmoclrError, match="enough"):
        emoclr.predict.export.run.export("emoclr-small-emotions/resnet10t", tmp_path / "model.onnx")
    filters = [tensor for tensor in exported[0].parameters() if tensor.dim() == 4]
    assert len(filters) > 10 and all(torch.equal(tensor.float(), tensor.half().float()) for tensor in filters)


def made_of(run: Callable[[Floats], Floats]) -> FileForm:
    """Returns a form whose files hold nothing and give what `run` gives."""

    def write(network: Any, example: Any, out: Path, output: str, facts: Facts) -> None:
        out.write_text("model")

    return dataclasses.replace(FORMS["onnx"], write=write, run=lambda path: run)


def refused(waveforms: Floats) -> Floats:
    raise ValueError("a reshape\nfails")


@pytest.mark.parametrize(
    ("gives", "told"),
    [
        (lambda waveforms: np.full((len(waveforms), 2), 0.5, np.float32), "differs by"),
        (lambda waveforms: np.full((len(waveforms), 2), np.nan, np.float32), "differs by nan"),
        (lambda waveforms: np.zeros((6, 2), np.float32), "(6, 2)"),
        (refused, "a reshape fails"),
    ],
)
def test_a_file_that_says_something_else_is_not_written(
    gives: Callable[[Floats], Floats],
    told: str,
    emotions: Path,
    run: Callable[..., Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(emoclr.predict.export.run, "form_of", lambda out: made_of(gives))
    ran = run("export", "--from", emotions, "--out", tmp_path / "below/model.onnx")
    *_, error = ran.told.splitlines()
    assert ran.code == 1 and error.startswith("error: ") and "model.onnx" in error and told in error
    assert not list((tmp_path / "below").iterdir())


def test_all_batches_and_lengths_are_compared() -> None:
    sizes = []

    def network(waveforms: Any) -> Any:
        sizes.append(waveforms.shape)
        return waveforms[:, :3].double().numpy()

    assert check_parity(lambda waveforms: waveforms[:, :3], network, 5.0, relative=True) == 0
    batches, lengths = zip(*sizes, strict=True)
    assert {1, 3, 9, 33} <= set(batches) and {8_000, 80_000, 352_000} <= set(lengths)


@pytest.mark.parametrize("content", [b"somebody's", b"", b"\x08\x07"])
@pytest.mark.parametrize("ending", [".onnx", ".pt2"])
def test_a_file_of_somebody_else_stays(
    emotions: Path, run: Callable[..., Any], tmp_path: Path, ending: str, content: bytes
) -> None:
    out = tmp_path / f"model{ending}"
    out.write_bytes(content)
    ran = run("export", "--from", emotions, "--out", out)
    assert ran.code == 2 and out.name in ran.told and out.read_bytes() == content


def test_an_earlier_export_is_replaced(
    exported: Path, emotions: Path, run: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "model.onnx"
    out.write_bytes((exported / "emotions.onnx").read_bytes())
    monkeypatch.setattr(emoclr.predict.export.run, "check_parity", lambda *words, relative: 0.0)
    monkeypatch.setattr(emoclr.predict.export.run, "form_of", lambda out: made_of(refused))
    assert run("export", "--from", emotions, "--out", out).code == 0
    assert out.read_text() == "model"


def test_what_is_missing_or_wrong_is_named_at_once(
    run: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran = run("export", "--out", tmp_path / "model.tflite")
    assert ran.code == 2 and ".onnx" in ran.told and ".pt2" in ran.told
    ran = run("export", "--from", "nowhere", "--out", tmp_path / "model.onnx")
    assert ran.code == 2 and "nowhere" in ran.told
    ran = run("export", "--from", "emoclr-small", "--out", tmp_path / "model.onnx")
    assert ran.code == 1 and "resnet10t" in ran.told
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "onnxscript" else find(name))
    ran = run("export", "--out", tmp_path / "model.onnx")
    assert ran.code == 2 and ".[export]" in ran.told and "onnxscript" in ran.told


def test_a_recording_may_be_called_export(
    emotions: Path, recordings: Path, run: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("export").write_bytes((recordings / "long.wav").read_bytes())
    assert run("./export", "--from", emotions, "--out", "found.csv").code == 0
    assert run("--from", emotions, "export", "--out", "found.csv").code == 0
