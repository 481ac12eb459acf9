"""An audit as the command and its files tell it."""

import json
import os

import numpy as np
import pytest

from emoclr.corpus.audit import audit
from emoclr.corpus.audit.report import audit_json, audit_markdown
from emoclr.corpus.cli import main
from emoclr.corpus.demo.demo_corpus import make_demo_corpus

from .conftest import RATE, checks, four, voice

pytestmark = pytest.mark.usefixtures("in_this_process")


def test_a_corpus_without_faults_has_no_leak_no_copy_and_no_broken_sound(corpus):
    found = audit(corpus(*four()))
    assert not found.leaks
    told = set(checks(found))
    assert not {check for check in told if check.startswith(("identical", "a copy"))}
    assert not told & {"unreadable", "silence", "clipping", "DC offset", "emotions missing in a split"}


def test_names_that_are_no_text_and_have_line_ends_stay_on_a_line(corpus):
    odd = b"caf\xe9\n.wav"
    labels = corpus(*four(), (np.zeros(RATE), 1, 0, "ann", "train"))
    (labels.parent / "004.wav").rename(labels.parent / os.fsdecode(odd))
    labels.write_bytes(labels.read_bytes().replace(b"004.wav", b'"' + odd + b'"'))
    (case,) = checks(audit(labels))["silence"].cases
    assert case == r"caf\xe9\n.wav (joy): 1.0 s, digital silence"


def test_a_path_longer_than_the_screen_is_printed_whole(corpus, tmp_path, call):
    name = "long-" * 24 + "name.wav"
    labels = corpus((np.zeros(800), 1, 0, "ann", "train"), *four()[1:])
    (tmp_path / "000.wav").rename(tmp_path / name)
    labels.write_text(labels.read_text().replace("000.wav", name))
    assert f"- {name}\n" in call(main, ["audit", labels], tmp_path).told


def test_of_the_demo_corpus_its_broken_file_is_found_and_no_leak_nor_copy(tmp_path):
    demo = make_demo_corpus(tmp_path / "demo", size="small")
    found = audit(demo.labels)
    assert not found.leaks
    (broken,) = checks(found)["unreadable"].cases
    assert broken.startswith("labeled/spk01_broken.flac: ")
    assert not [check for check in checks(found) if check.startswith(("identical", "a copy"))]


def test_the_command_fails_on_leakage_and_writes_what_it_printed(corpus, tmp_path, call, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    labels = corpus(*four(), (voice(0), 1, 0, "eve", "test"))
    ran = call(main, ["audit", labels, "--out", tmp_path / "report"], tmp_path / "report")
    assert ran.code == 1
    assert "identical audio across splits" in ran.told and "Leakage" in ran.told
    printed = [line for line in ran.told.splitlines() if not line.startswith(("wrote", "next"))]
    assert all(len(line) <= 80 or max(map(len, line.split())) > 70 for line in printed)
    assert any(line.strip() == f"{labels}:" or line.startswith(f"{labels}: ") for line in printed)
    found = json.loads((ran.out / "report.json").read_text())
    assert found["leakage"] is True and found["clips"] == 5
    cases = {finding["check"]: finding["cases"] for finding in found["findings"]}
    assert cases["identical audio across splits"] == ["000.wav (anger; ann; train) = 004.wav (joy; eve; test)"]
    page = (ran.out / "report.md").read_text()
    assert "### Identical audio across splits" in page and "- 000.wav (anger; ann; train)" in page


def test_the_command_is_content_without_leakage(corpus, tmp_path, call):
    ran = call(main, ["audit", corpus(*four())], tmp_path)
    assert ran.code == 0 and "No leakage found." in " ".join(ran.told.split())


def test_without_speakers_it_is_told_first_that_voices_may_leak(corpus, tmp_path, call):
    labels = corpus(*four())
    lines = [line.split(",") for line in labels.read_text().splitlines()]
    place = lines[0].index("speaker")
    labels.write_text("\n".join(",".join(line[:place] + line[place + 1 :]) for line in lines))
    ran = call(main, ["audit", labels], tmp_path)
    told = " ".join(ran.told.split())
    assert ran.code == 0 and not told.endswith("No leakage found.")
    assert told.index("speakers are not known") < told.index("0.00 h") < told.index("next: ")
    assert told.endswith("`--columns speaker=NAME`.")
    assert audit_json(audit(labels))["verdict"][0]["weight"] == "open"


def test_nothing_points_to_a_file_that_is_not_written(corpus, tmp_path, call):
    rows = [(np.zeros(800), number % 2, 1, f"s{number}", "train") for number in range(9)]
    labels = corpus(*rows)
    assert "and 4 more, with --out DIR all" in call(main, ["audit", labels], tmp_path).told
    assert "and 4 more, all in report.json" in call(main, ["audit", labels, "--out", tmp_path / "o"], tmp_path).told


def test_long_lists_are_whole_in_json_alone(corpus):
    rows = [(np.zeros(800), number % 2, 1, f"s{number}", "train") for number in range(60)]
    found = audit(corpus(*rows))
    whole = next(finding for finding in audit_json(found)["findings"] if finding["check"] == "silence")
    assert len(whole["cases"]) == 60
    assert "and 10 more, all in report.json" in audit_markdown(found)


def test_the_share_from_which_an_emotion_is_there_is_a_setting(corpus, tmp_path, capsys):
    rows = [(voice(0), 0.7, 0.3, "ann", "train"), (voice(0), 0.3, 0.5, "ann", "train")]
    labels = corpus(*four()[1:], *rows)
    assert "from a share of 0.25 on" in checks(audit(labels))["identical audio with other shares"].summary
    assert main(["audit", str(labels), "--positive-share", "0.4", "--out", str(tmp_path / "out")]) == 0
    assert "identical audio with different labels" in capsys.readouterr().out
    content = json.loads((tmp_path / "out" / "report.json").read_text())
    assert content["positive_share"] == 0.4 and content["emotions"] == {"joy": 3, "anger": 2}
    assert audit_json(audit(labels))["emotions"] == {"joy": 4, "anger": 3}


@pytest.mark.parametrize("share", ["0", "1.1", "half"])
def test_a_share_is_above_0_and_at_most_1(share, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["audit", "labels.csv", "--positive-share", share])
    assert stopped.value.code == 2 and share in capsys.readouterr().err
