"""`emoclr.Embedder`: the checks of scikit-learn, the numbers of `emoclr.embed`, pipelines, broken files."""

import pickle
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import check_estimator

import emoclr
from emoclr import Embedder
from emoclr.configs.errors import ConfigError, EmoclrError
from emoclr.corpus.audio.decoder import read_waveform

RATE = 16_000
SAMPLES_ARE_NO_FEATURES = "recordings may have any length: samples are no features, and their number is not kept"
FLOAT32 = "in float32 the last digits depend on what else is in the batch; the check allows 1e-7 and less"
ALWAYS_FAIL = {
    "check_n_features_in": SAMPLES_ARE_NO_FEATURES,
    "check_n_features_in_after_fitting": SAMPLES_ARE_NO_FEATURES,
}
MAY_FAIL = {"check_methods_sample_order_invariance": FLOAT32, "check_methods_subset_invariance": FLOAT32}


@pytest.fixture(scope="module")
def run(workspace: Path) -> Path:
    return workspace / "checkpoints/my-run"


@pytest.fixture(scope="module")
def files(workspace: Path) -> list[Path]:
    return sorted((workspace / "recordings").iterdir())[:4]


@pytest.fixture(scope="module")
def expected(run: Path, files: list[Path]) -> np.ndarray:
    return emoclr.embed(run, files)


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    path = tmp_path / "broken.mp3"
    path.write_bytes(b"no recording")
    return path


def test_it_passes_the_checks_of_scikit_learn_but_for_named_ones(run: Path) -> None:
    results = check_estimator(
        Embedder(run, sample_rate=RATE, gate="none"),
        expected_failed_checks=ALWAYS_FAIL | MAY_FAIL,
        on_fail=None,
        on_skip=None,
    )
    assert [(each["check_name"], each["exception"]) for each in results if each["status"] == "failed"] == []
    failed = {each["check_name"] for each in results if each["status"] == "xfail"}
    assert failed - set(MAY_FAIL) == set(ALWAYS_FAIL)
    assert sum(each["status"] == "passed" for each in results) > 30


def test_features_are_those_of_embed_in_every_form_of_paths(run: Path, files: list[Path], expected: np.ndarray) -> None:
    names = [str(path) for path in files]
    table = pd.DataFrame({"path": names})
    forms: list[Any] = [files, np.array(names), np.array(files, dtype=object), table["path"], table]
    for form in forms:
        found = Embedder(run).transform(form)
        assert found.dtype == np.float32 and found == pytest.approx(expected, abs=1e-4)
    twice = Embedder(run).transform([files[1], files[0], files[1]])
    assert twice == pytest.approx(expected[[1, 0, 1]], abs=1e-4)


def test_features_of_arrays_are_those_of_their_files(run: Path, files: list[Path], expected: np.ndarray) -> None:
    arrays = [read_waveform(path) for path in files]
    assert Embedder(run, sample_rate=RATE).transform(arrays) == pytest.approx(expected, abs=1e-4)
    short = min(map(len, arrays))
    equal = np.stack([array[:short] for array in arrays])
    found = Embedder(run, sample_rate=RATE).fit_transform(equal)
    assert found == pytest.approx(emoclr.embed(run, list(equal), RATE), abs=1e-4)
    with pytest.raises(ConfigError, match="sample_rate"):
        Embedder(run).transform(equal)


def test_several_encoders_stand_side_by_side(
    run: Path, files: list[Path], tmp_path: Path, expected: np.ndarray
) -> None:
    several = Path(shutil.copytree(run, tmp_path / "several"))
    shutil.copytree(several / "test_resnet", several / "another")
    embedder = Embedder(several).set_output(transform="pandas").fit(files)
    found = embedder.transform(pd.Series(files, index=[7, 5, 3, 1]))
    width = expected.shape[1]
    assert found.to_numpy() == pytest.approx(np.hstack([expected, expected]), abs=1e-4)
    assert found.columns.tolist() == embedder.get_feature_names_out().tolist()
    assert [found.columns[0], found.columns[width]] == ["another_0", "test_resnet_0"]
    card = several / "another/encoder.yaml"
    card.write_text(card.read_text().replace("crop_s: 0.5", "crop_s: 0.75"))
    with pytest.raises(EmoclrError, match=r"several.*windows"):
        Embedder(several).fit(files)


def test_an_ensemble_gives_the_embeddings_of_its_members(workspace: Path, files: list[Path]) -> None:
    source = workspace / "checkpoints/my-emotions"
    embedder = Embedder(source)
    found = embedder.transform(files)
    assert found == pytest.approx(emoclr.load_ensemble(source).embed(files), abs=1e-4)
    assert len(set(embedder.get_feature_names_out())) == found.shape[1]


def test_a_pipeline_learns_and_predicts_and_survives_a_pickle(workspace: Path, run: Path) -> None:
    labels = emoclr.read_labels(workspace / "labels.csv")
    angry = labels.targets[:, 0] > np.median(labels.targets[:, 0])
    model = make_pipeline(Embedder(run), LogisticRegression(C=1e-2, max_iter=1000)).fit(labels.paths, angry)
    features = emoclr.embed(run, labels.paths)
    alone = LogisticRegression(C=1e-2, max_iter=1000).fit(features, angry).predict_proba(features)
    assert model.predict_proba(labels.paths) == pytest.approx(alone, abs=1e-3)
    stored = pickle.dumps(model)
    assert len(stored) < 50_000
    assert pickle.loads(stored).predict_proba(labels.paths[:3]) == pytest.approx(alone[:3], abs=1e-3)
    assert clone(model[0]).get_params() == model[0].get_params()


def test_another_encoder_is_read_once_it_is_set(workspace: Path, run: Path, files: list[Path]) -> None:
    embedder = Embedder(run).fit(files)
    before = len(embedder.get_feature_names_out())
    embedder.set_params(encoder=workspace / "checkpoints/nowhere")
    with pytest.raises(ConfigError, match="nowhere"):
        embedder.transform(files)
    embedder.set_params(encoder=run)
    assert embedder.transform(files[:1]).shape == (1, before)


def test_a_broken_recording_is_an_error_or_a_row_of_nan(
    run: Path, files: list[Path], broken: Path, expected: np.ndarray
) -> None:
    with pytest.raises(EmoclrError, match=r"broken\.mp3"):
        Embedder(run).transform([files[0], broken])
    found = Embedder(run, on_error="nan").transform([broken, files[1], broken, files[0]])
    assert np.isnan(found[[0, 2]]).all()
    assert found[[1, 3]] == pytest.approx(expected[[1, 0]], abs=1e-4)
    assert np.isnan(Embedder(run, on_error="nan").transform([broken])).all()


def test_what_is_no_list_of_recordings_is_named(run: Path, files: list[Path], workspace: Path) -> None:
    for wrong, named in (
        (str(files[0]), "one path"),
        ([files[0], np.nan], r"recording 1.*nan"),
        ([files[0], "nowhere.wav"], r"nowhere\.wav"),
        ([workspace / "recordings"], "recordings is a folder"),
    ):
        with pytest.raises(ConfigError, match=named):
            Embedder(run, on_error="nan").fit(wrong)
        with pytest.raises(ConfigError, match=named):
            Embedder(run, on_error="nan").transform(wrong)
    for parameters in ({"gate": "voices"}, {"on_error": "ignore"}):
        with pytest.raises(ConfigError, match=next(iter(parameters.values()))):
            Embedder(run, **parameters).fit(files)
