"""What in a recording, other than the voice, tells emotions apart."""

from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from emoclr.corpus.audit import audit
from emoclr.corpus.audit.fingerprints import fingerprint
from emoclr.corpus.audit.recordings import Recording
from emoclr.corpus.audit.shortcuts import STRONG_AUROC, TOGETHER, find_shortcuts
from emoclr.corpus.labels.label_table import LabelTable

RATE = 16_000
NOTHING = np.zeros(0, dtype=np.float32)
HEAD = ["path", "joy", "anger", "speaker"]

pytestmark = pytest.mark.usefixtures("in_this_process")


def by_check(found):
    return {finding.check: finding for finding in found.findings}


@pytest.fixture
def many(tmp_path, write_table):
    """Returns make(level_of, rate_of) -> labels.csv: 10 speakers, 6 clips of noise each, half of them joy."""

    def make(level_of=lambda joy: 0.1, rate_of=lambda joy: RATE):
        rng = np.random.default_rng(0)
        lines = []
        for number in range(60):
            speaker, joy = number // 6, number % 2
            level = level_of(joy) * rng.lognormal(0, 0.3)
            path = tmp_path / f"{number:03}.wav"
            sf.write(path, np.clip(level * rng.normal(size=rng.integers(1_500, 1_900)), -1, 1), rate_of(joy))
            lines.append([path.name, joy, 1 - joy, f"s{speaker}"])
        return write_table(tmp_path / "labels.csv", HEAD, lines)

    return make


def test_a_level_that_follows_the_label_is_a_shortcut_and_said_to_be_legitimate(many):
    finding = by_check(audit(many(level_of=lambda joy: 0.2 if joy else 0.02)))["level tells emotions apart"]
    assert finding.weight == "note" and "arousal" in finding.summary
    assert [case.split(":")[0] for case in finding.cases] == ["joy", "anger"]


def test_a_sample_rate_that_follows_the_label_is_a_warning(many):
    found = audit(many(rate_of=lambda joy: 44_100 if joy else RATE))
    assert by_check(found)["format tells emotions apart"].weight == "warning"
    by_format = next(cue for cue in found.shortcuts if (cue.emotion, cue.cue) == ("joy", "format"))
    assert by_format.auroc == by_format.low == 1.0


def test_a_property_that_no_file_differs_in_is_no_cue(many):
    assert "format" not in {cue.cue for cue in audit(many()).shortcuts}


def test_chance_is_seldom_taken_for_a_shortcut():
    covered, alarms = [], []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        speakers = [f"s{number // 10}" for number in range(200)]
        table = LabelTable(
            *(Path("labels.csv"), [Path("x.wav")] * 200, ["joy"], rng.integers(0, 2, (200, 1)).astype(np.float32)),
            *(speakers, None, np.zeros(200), np.full(200, np.nan), {}),
        )
        recordings = [
            Recording(
                *rng.uniform(1, 2, 1), 16_000, 1, ".wav", *rng.normal(-20, 3, 2), 0, 0, 8_000, "", fingerprint(NOTHING)
            )
            for _ in range(200)
        ]
        together = find_shortcuts(table, recordings)[-1]
        assert together.cue == TOGETHER
        covered.append(together.low < 0.5 < together.high)
        alarms.append(together.low > STRONG_AUROC)
    assert np.mean(covered) >= 0.85  # 0.95 is meant
    assert not any(alarms)
