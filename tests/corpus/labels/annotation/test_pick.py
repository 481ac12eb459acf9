import csv
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emoclr.configs.errors import ConfigError
from emoclr.corpus.cli import main
from emoclr.corpus.labels.annotation.pick import in_turn, pick


def rows_of(path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def segments(write_csv):
    rows = [f"long.wav,{start},{start + 2},anna,hall" for start in range(0, 40, 2)]
    rows += [f"short.wav,{start},{start + 2},ben,hall" for start in (0, 2)] + ["=odd.wav,0,2.125,cem,lab"]
    return write_csv("path,start_s,end_s,speaker,room", *rows, name="segments.csv")


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.booleans()), min_size=1, max_size=40), st.integers(0, 5))
def test_voices_take_turns_and_those_with_fewest_answers_come_first(clips, seed):
    voices, answered = [voice for voice, _ in clips], np.array([done for _, done in clips])
    order = in_turn(voices, answered, seed).tolist()
    assert sorted(order) == np.flatnonzero(~answered).tolist()
    heard = Counter(voice for voice, done in clips if done)
    for place, row in enumerate(order):
        left = {voices[other] for other in order[place:]}
        assert heard[voices[row]] == min(heard[voice] for voice in left)
        heard[voices[row]] += 1


def test_another_seed_draws_others_and_a_longer_pick_begins_with_the_shorter(segments, tmp_path):
    drawn = [rows_of_pick(segments, tmp_path, n, seed) for n, seed in ((8, 0), (12, 0), (8, 1))]
    picks = [[row["start_s"] for row in rows] for rows in drawn]
    assert picks[1][:8] == picks[0]
    assert picks[2] != picks[0]


def rows_of_pick(segments, tmp_path, n, seed):
    pick(segments, tmp_path / "picked.csv", n, seed=seed)
    return rows_of(tmp_path / "picked.csv")


def test_what_is_picked_is_a_table_of_the_same_clips(segments, tmp_path, capsys):
    words = ["pick", str(segments), "--n", "5", "--out", str(tmp_path / "picked.csv")]
    assert main(words) == 0
    rows = rows_of(tmp_path / "picked.csv")
    assert Counter(row["speaker"] for row in rows) == {"anna": 2, "ben": 2, "cem": 1}
    whole = [row | {"path": row["path"].replace("=", "./=")} for row in rows_of(segments)]
    assert all(row in whole for row in rows)
    assert "5 of 23 clips, of 3 of 3 recordings" in capsys.readouterr().err


def test_what_has_an_answer_is_not_picked_again(segments, write_csv, tmp_path):
    write_csv("path,start_s,end_s,joy,fear", "short.wav,0,2,1,0", name="labels.csv")
    write_csv("path,start_s,end_s", "short.wav,2,4", name="labels.cannot-tell.csv")
    words = ["pick", str(segments), "--n", "99", "--out", str(tmp_path / "picked.csv")]
    assert main([*words, "--labels", str(tmp_path / "labels.csv")]) == 0
    assert Counter(row["speaker"] for row in rows_of(tmp_path / "picked.csv")) == {"anna": 20, "cem": 1}


def test_nothing_to_pick_is_an_error(segments, write_csv, tmp_path):
    with pytest.raises(ConfigError, match="--n 0"):
        pick(segments, tmp_path / "picked.csv", 0)
    table = write_csv("path,joy,fear", "a.wav,1,0", name="labels.csv")
    with pytest.raises(ConfigError, match="no clip that is left"):
        pick(table, tmp_path / "picked.csv", 1, labels=table)
    assert main(["pick", str(segments), "--n", "1", "--out", "x.csv", "--labels", "nowhere.csv"]) == 2
