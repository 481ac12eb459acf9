import csv
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler

from emoclr.configs.errors import ConfigError
from emoclr.probe.cli import main
from emoclr.probe.pick import farthest_first, leading_directions, pick


def radius(points: np.ndarray, centres: list[int]) -> float:
    """How far the point lies that is farthest from its nearest centre."""
    return float(np.linalg.norm(points[:, None] - points[centres][None], axis=2).min(1).max())


@settings(max_examples=50, deadline=None)
@given(arrays(np.float32, (8, 2), elements=st.integers(-50, 50).map(float)), st.integers(1, 4), st.integers(0, 99))
def test_no_point_is_more_than_twice_as_far_as_it_has_to_be(points, n, seed):
    chosen = farthest_first(points, n, None, seed).tolist()
    assert len(set(chosen)) == n
    best = min(radius(points, list(centres)) for centres in combinations(range(8), n))
    assert radius(points, chosen) <= 2 * best + 1e-4


def test_each_is_the_farthest_from_those_before_it_and_from_those_that_are_there():
    points = np.random.default_rng(0).normal(size=(40, 5)).astype(np.float32)
    start = points[[3, 7]] + 0.1
    chosen = farthest_first(points, 12, start, 0).tolist()
    for place, row in enumerate(chosen):
        before = np.concatenate([start, points[chosen[:place]]])
        gaps = np.linalg.norm(points[:, None] - before[None], axis=2).min(1)
        assert row == gaps.argmax()


def test_copies_are_picked_once_each_and_no_more_than_there_are():
    assert sorted(farthest_first(np.zeros((5, 3), np.float32), 9, None, 0).tolist()) == [0, 1, 2, 3, 4]


def test_directions_are_principal_components_of_standardised_features():
    features = np.random.default_rng(0).normal(size=(30, 6)) @ np.random.default_rng(1).normal(size=(6, 6)) + 3
    found = leading_directions(features.astype(np.float32), 3)
    expected = PCA(3).fit_transform(StandardScaler().fit_transform(features))
    np.testing.assert_allclose(np.abs(found), np.abs(expected), atol=1e-4)


@pytest.fixture(scope="module")
def segments(workspace):
    rows = ["path,start_s,end_s,speaker,room"]
    for clip in range(8):
        for start_s in (0, 0.25):
            rows.append(f"recordings/{clip:02}.wav,{start_s:g},{start_s + 0.25:g},s{clip // 4},hall")
    rows.append("recordings/missing.wav,0,1,s9,hall")
    path = workspace / "segments.csv"
    path.write_text("\n".join(rows) + "\n")
    return path


def rows_of(path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_what_is_picked_is_a_table_of_the_same_clips(segments, workspace, capsys):
    words = ["pick", "--from", workspace / "checkpoints/my-run", "--data", segments, "--n", 6]
    assert main([str(word) for word in [*words, "--out", workspace / "six.csv"]]) == 0
    six = rows_of(workspace / "six.csv")
    assert all(row in rows_of(segments) for row in six)
    assert len({(row["path"], row["start_s"]) for row in six}) == 6
    told = capsys.readouterr().err
    assert "6 of 16 clips" in told and "missing.wav: no such file" in told
    pick(workspace / "checkpoints/my-run", segments, workspace / "three.csv", 3)
    assert rows_of(workspace / "three.csv") == six[:3]


def test_what_has_an_answer_is_not_picked_again(segments, workspace):
    pick(workspace / "checkpoints/my-run", segments, workspace / "first.csv", 3)
    rows = rows_of(workspace / "first.csv")
    head = "path,start_s,end_s"
    labelled = [f"{row['path']},{row['start_s']},{row['end_s']}" for row in rows]
    heard = [f"{head},joy,fear", *(f"{row},1,0" for row in labelled[:2])]
    (workspace / "heard.csv").write_text("\n".join(heard) + "\n")
    (workspace / "heard.cannot-tell.csv").write_text("\n".join([head, labelled[2]]) + "\n")
    out = workspace / "rest.csv"
    rest = pick(workspace / "checkpoints/my-run", segments, out, 99, labels=workspace / "heard.csv")
    assert len(rest) == 16 - 3
    assert not {(row["path"], row["start_s"]) for row in rows} & {(row["path"], row["start_s"]) for row in rows_of(out)}


def test_nothing_to_pick_is_an_error(segments, workspace):
    run = workspace / "checkpoints/my-run"
    with pytest.raises(ConfigError, match="--n 0"):
        pick(run, segments, workspace / "none.csv", 0)
    with pytest.raises(ConfigError, match="no clip that is left"):
        pick(run, workspace / "labels.csv", workspace / "none.csv", 1, labels=workspace / "labels.csv")
    words = ["pick", "--from", str(run), "--data", str(segments), "--n", "1", "--out", str(workspace / "none.csv")]
    assert main([*words, "--labels", str(workspace / "nowhere.csv")]) == 2
