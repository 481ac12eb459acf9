"""What `import emoclr` offers to a notebook: quick to import, the same numbers as the commands, errors that help."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile as sf

import emoclr
from emoclr.configs.errors import ConfigError, EmoclrError
from emoclr.corpus.audio.decoder import read_waveform
from emoclr.predict.cli import main
from emoclr.pretrain.encoder.windows import window_starts

RATE = 16_000
OFFERED = ["Embedder", "LinearProbe", "embed", "load_encoder", "load_ensemble", "predict", "read_labels"]


def in_python(code: str, *words: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *words, "-c", code], cwd=cwd, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def run(workspace: Path) -> Path:
    return workspace / "checkpoints/my-run"


@pytest.fixture(scope="module")
def emotions(workspace: Path) -> Path:
    return workspace / "checkpoints/my-emotions"


@pytest.fixture(scope="module")
def files(workspace: Path) -> list[Path]:
    return sorted((workspace / "recordings").iterdir())[:4]


@pytest.fixture(scope="module")
def arrays(files: list[Path]) -> list[np.ndarray]:
    return [read_waveform(path) for path in files]


def test_it_offers_what_its_stub_declares() -> None:
    assert sorted(emoclr.__all__) == sorted(dir(emoclr)) == OFFERED
    stub = Path(emoclr.__file__).with_suffix(".pyi").read_text().splitlines()
    declared = [line.split(" as ")[1] for line in stub if " as " in line] + [
        line.split()[0] for line in stub if " = " in line
    ]
    assert sorted(declared) == OFFERED
    assert all(callable(getattr(emoclr, name)) for name in OFFERED)


def test_importing_it_is_quick_and_imports_nothing_heavy() -> None:
    heavy = "{'numpy', 'pandas', 'torch', 'sklearn', 'scipy', 'rich', 'timm', 'pydantic', 'yaml', 'soundfile'}"
    code = "import time; start = time.perf_counter(); import emoclr; print(time.perf_counter() - start)"
    found = in_python(f"{code}; import sys; sys.exit(bool({heavy} & set(sys.modules)))")
    assert found.returncode == 0, found.stderr
    fastest_s = min(float(in_python(code).stdout) for _ in range(3))
    assert fastest_s < 0.05


@pytest.mark.parametrize(
    "first", ["", "import emoclr.predict; ", "from emoclr.predict.stream.rows import PredictionRow; "]
)
def test_predict_is_function_and_package_whatever_was_imported_before(first: str) -> None:
    code = f"{first}import emoclr; assert callable(emoclr.predict); import emoclr.predict.cli as cli; "
    code += "import emoclr.predict as package; assert package is emoclr.predict and cli is package.cli"
    assert in_python(code).returncode == 0


def test_an_embedding_is_the_mean_over_windows(run: Path, arrays: list[np.ndarray]) -> None:
    import torch

    encoder, card = emoclr.load_encoder(run)
    assert card.crop_s == 0.5
    starts = window_starts(len(arrays[0]), 8_000, 4_000)
    windows = torch.from_numpy(np.stack([arrays[0][start : start + 8_000] for start in starts]))
    with torch.inference_mode():
        expected = encoder(windows).mean(dim=0).numpy()
    found = emoclr.embed(run, arrays, RATE, device="cpu")
    assert found.dtype == np.float32 and found.shape == (4, encoder.features)
    assert found[0] == pytest.approx(expected, rel=1e-3, abs=1e-3)


def test_files_a_folder_and_arrays_have_the_same_embeddings(
    run: Path, workspace: Path, files: list[Path], arrays: list[np.ndarray]
) -> None:
    expected = emoclr.embed(run, arrays, RATE)
    assert emoclr.embed(str(run), [str(path) for path in files]) == pytest.approx(expected, abs=1e-4)
    assert emoclr.embed(run / "test_resnet", workspace / "recordings")[:4] == pytest.approx(expected, abs=1e-4)
    assert emoclr.embed(emoclr.load_encoder(run), files[0]) == pytest.approx(expected[:1], abs=1e-4)
    assert emoclr.embed(emoclr.load_encoder(run)[0], arrays[0], RATE, window_s=0.5) == pytest.approx(
        expected[:1], abs=1e-4
    )


def test_rows_follow_the_order_asked_for_and_repeat_what_repeats(run: Path, files: list[Path]) -> None:
    first, second = emoclr.embed(run, files[:2])
    assert np.array_equal(emoclr.embed(run, [files[1], files[0], files[1]]), [second, first, second])


def test_whole_numbers_are_samples_and_other_rates_are_resampled(run: Path, tmp_path: Path) -> None:
    tone = 0.3 * np.sin(2 * np.pi * 440 * np.arange(44_100) / 44_100)
    sf.write(tmp_path / "tone.wav", tone, 44_100)
    from_file = emoclr.embed(run, tmp_path / "tone.wav")
    assert emoclr.embed(run, tone, sample_rate=44_100) == pytest.approx(from_file, abs=1e-2)
    whole = np.round(tone * 32_768).astype(np.int16)
    assert emoclr.embed(run, whole, sample_rate=44_100) == pytest.approx(from_file, abs=1e-2)


def test_a_linear_probe_of_embeddings_and_labels(workspace: Path, run: Path) -> None:
    from emoclr.corpus import speaker_folds

    labels = emoclr.read_labels(str(workspace / "labels.csv"))
    features = emoclr.embed(run, labels.paths)
    folds = speaker_folds(labels, 3)
    probe = emoclr.LinearProbe(single_label=False).fit(features, labels.targets, folds)
    assert probe.predict_proba(features).shape == labels.targets.shape


def test_predictions_are_those_of_the_command(
    call: Callable[..., Any], emotions: Path, files: list[Path], tmp_path: Path
) -> None:
    import pandas as pd

    for timeline in (False, True):
        out = tmp_path / "predictions.csv"
        words = ["--from", emotions, *files, "--out", out, "--gate", "none", *(["--timeline"] if timeline else [])]
        assert call(main, words, out).code == 0
        expected = pd.read_csv(out, keep_default_na=False)
        frame = emoclr.predict(str(emotions), files, timeline=timeline, gate="none", device="cpu")
        assert list(frame.columns) == list(expected.columns)
        assert frame["path"].tolist() == expected["path"].tolist()
        assert frame["emotions"].map(";".join).tolist() == expected["emotions"].tolist()
        for name in ("start_s", "end_s", "anger", "sadness"):
            assert frame[name].tolist() == pytest.approx(expected[name].tolist(), abs=1e-3)


def test_predictions_of_arrays_are_those_of_their_files(
    emotions: Path, files: list[Path], arrays: list[np.ndarray]
) -> None:
    loaded = emoclr.load_ensemble(str(emotions))
    of_files = emoclr.predict(loaded, files, timeline=True, gate="none")
    of_arrays = emoclr.predict(loaded, arrays, RATE, timeline=True, gate="none")
    assert of_arrays["path"].tolist() == [files.index(Path(path)) for path in of_files["path"]]
    for name in ("start_s", "end_s", "anger", "sadness"):
        assert of_arrays[name].tolist() == pytest.approx(of_files[name].tolist(), abs=1e-4)


def test_a_broken_file_has_no_row_of_predictions_and_is_an_error_to_embed(
    emotions: Path, run: Path, files: list[Path], tmp_path: Path
) -> None:
    broken = tmp_path / "broken.mp3"
    broken.write_bytes(b"no recording")
    assert emoclr.predict(emotions, [files[0], broken])["path"].tolist() == [str(files[0])]
    with pytest.raises(EmoclrError, match=r"broken\.mp3"):
        emoclr.embed(run, [files[0], broken])
    with pytest.raises(EmoclrError, match=r"broken\.mp3"):
        emoclr.predict(emotions, broken)


@pytest.mark.parametrize(
    ("recordings", "sample_rate", "named"),
    [
        ("nowhere.wav", None, "nowhere.wav"),
        ([np.zeros(8_000)], None, "sample_rate"),
        ([np.zeros(8_000), np.zeros((2, 8_000))], RATE, r"recording 1.*\(2, 8000\)"),
        ([np.zeros(8_000), np.zeros(0)], RATE, "recording 1"),
        (np.array([0.0, np.nan]), RATE, "recording 0.*NaN"),
        ([np.zeros(8_000, np.uint8)], RATE, "recording 0.*uint8"),
        ([], RATE, "no recordings"),
    ],
)
def test_what_is_no_recording_is_named(
    run: Path, emotions: Path, recordings: Any, sample_rate: int | None, named: str
) -> None:
    with pytest.raises(ConfigError, match=named):
        emoclr.embed(run, recordings, sample_rate)
    with pytest.raises(ConfigError, match=named):
        emoclr.predict(emotions, recordings, sample_rate)


def test_folders_that_hold_no_model_or_several_are_named(run: Path, emotions: Path, tmp_path: Path) -> None:
    several = Path(shutil.copytree(run, tmp_path / "several"))
    shutil.copytree(several / "test_resnet", several / "another")
    with pytest.raises(EmoclrError, match="another, test_resnet"):
        emoclr.embed(several, np.zeros(8_000), RATE)
    with pytest.raises(EmoclrError, match="nowhere"):
        emoclr.load_encoder(str(tmp_path / "nowhere"))
    with pytest.raises(EmoclrError, match="nowhere"):
        emoclr.load_ensemble(str(tmp_path / "nowhere"))
    with pytest.raises(ConfigError, match="window_s"):
        emoclr.embed(emoclr.load_encoder(run)[0], np.zeros(8_000), RATE)


def test_a_script_without_a_guard_runs_once(workspace: Path, tmp_path: Path) -> None:
    """Recordings are decoded in processes of their own, which must not run the script again."""
    script = tmp_path / "script.py"
    script.write_text(
        "import emoclr\n"
        "print('begins', flush=True)\n"
        "frame = emoclr.predict('checkpoints/my-emotions', 'recordings')\n"
        "features = emoclr.embed('checkpoints/my-run', frame['path'].tolist())\n"
        "print(len(frame), len(features))\n"
    )
    ran = subprocess.run([sys.executable, script], cwd=workspace, capture_output=True, text=True, check=False)
    assert ran.returncode == 0 and "Traceback" not in ran.stderr, ran.stderr
    assert ran.stdout.split("\n") == ["begins", "24 24", ""]
