import hashlib
from pathlib import Path

import pytest
import yaml

from emoclr.configs.errors import ConfigError
from emoclr.pretrain.cli import main
from emoclr.pretrain.encoder.checkpoint import git_commit, package_versions
from emoclr.pretrain.encoder.encoder import Normalisation
from emoclr.pretrain.encoder.folders import RUN
from emoclr.pretrain.resume.changes import check_inputs
from emoclr.pretrain.resume.run_card import RunCard, digests_of, placed, resumed
from emoclr.pretrain.settings import PretrainSettings


def settings(**more):
    return PretrainSettings.model_validate({"data": ["x"], "out": "y", "backbones": ["resnet18"], **more})


def card(**more):
    made = {"settings": settings(), "corpus_fingerprint": "ab", "clips": 3, "hours": 1.0, "set_aside": 0}
    own = {"versions": package_versions(), "commit": git_commit(), "normalisation": Normalisation()}
    return RunCard.model_validate({**made, **own, **more})


def test_a_run_is_repeated_from_its_card_from_wherever_that_is_done(run, call, corpus, tmp_path, monkeypatch):
    monkeypatch.chdir(corpus.parent)
    first = run(tmp_path / "run", f"data={corpus.name}", "epochs=1")
    assert first.code == 0, first.told
    monkeypatch.chdir(tmp_path)
    again = call(main, ["--config", first.out / RUN, "out=again"], tmp_path / "again")
    assert again.code == 0, again.told
    weights = [path / "test_resnet" / "encoder.safetensors" for path in (first.out, again.out)]
    assert weights[0].read_bytes() == weights[1].read_bytes()
    there = call(main, ["--config", first.out / RUN], first.out)
    assert there.code == 2 and "already holds a run" in there.told


def test_places_are_absolute_and_urls_as_they_are(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    found = placed(settings(data=["a.csv", "s3://bucket/x.tar"], monitor="m.csv", supervised="/s.csv"))
    assert found.data == [tmp_path / "a.csv", "s3://bucket/x.tar"]
    assert (found.monitor, found.supervised, found.start_from) == (tmp_path / "m.csv", Path("/s.csv"), None)


def test_labels_and_first_weights_have_digests(tmp_path):
    labels = tmp_path / "labels.csv"
    labels.write_text("path,joy")
    assert digests_of(settings(), {}) == {}
    digest = hashlib.sha256(b"path,joy").hexdigest()
    found = digests_of(settings(supervised=labels), {"resnet18": "cd"})
    assert found == {"supervised": digest, "start_from.resnet18": "cd"}
    with pytest.raises(ConfigError, match=r"supervised: .*cannot be read: No such file"):
        digests_of(settings(supervised=tmp_path / "gone.csv"), {})


@pytest.mark.parametrize(
    ("then", "now", "allowed", "told"),
    [
        ({"corpus_fingerprint": "cd"}, {}, "data", "the recordings are not those .* --allow-change data goes on"),
        (
            {"digests": {"supervised": "a"}},
            {"digests": {"supervised": "b"}},
            "supervised",
            "labels of supervised are not",
        ),
        (
            {"digests": {"start_from.r": "a"}},
            {"digests": {"start_from.r": "b"}},
            None,
            "weights of start_from.r are not",
        ),
        ({"ranks": 2}, {"ranks": 1}, "devices", "2 processes trained together then, 1 now"),
    ],
)
def test_what_is_learned_from_may_change_only_where_it_is_named(then, now, allowed, told):
    with pytest.raises(ConfigError, match=told):
        check_inputs(card(**then), card(**now), ["seed"], Path("run.yaml"))
    if allowed:
        check_inputs(card(**then), card(**now), [allowed], Path("run.yaml"))
    check_inputs(card(**then), card(**then), [], Path("run.yaml"))


def test_cards_of_before_there_were_digests_and_new_backbones_are_taken():
    now = card(digests={"supervised": "a", "start_from.r": "b"}, ranks=2)
    check_inputs(card(), now, [], Path("run.yaml"))


def test_history_says_what_a_run_was_before_it_resumed():
    began = card(versions={"torch": "1"}, commit="a")
    later = resumed(began, began.model_copy(update={"settings": settings(epochs=7)}), {"resnet18": 20})
    (change,) = later.history
    assert change.differences == {"epochs": [100, 7]} and change.steps == {"resnet18": 20}
    assert (change.versions, change.commit) == (package_versions(), git_commit())
    assert (later.versions, later.commit) == ({"torch": "1"}, "a")
    assert resumed(later, later, {"resnet18": 30}) == later
    moved = later.model_copy(update={"settings": settings(epochs=7, out="z")})
    assert resumed(later, moved, {}) == moved
    other = resumed(later, later.model_copy(update={"corpus_fingerprint": "cd"}), {})
    assert other.history[1].differences == {"corpus_fingerprint": ["ab", "cd"]}


def test_a_run_whose_card_an_earlier_version_wrote_is_shown_and_goes_on(stopped_copy, run, finished, corpus, call):
    made = yaml.safe_load((stopped_copy / RUN).read_text())
    written = Path(__file__).with_name("run-0.1.yaml").read_text()
    card = yaml.safe_load(written.replace("/DATA", str(corpus)).replace("/OUT", str(stopped_copy)))
    own = {key: made[key] for key in ("corpus_fingerprint", "normalisation")}
    card["settings"]["spectrogram"] = made["settings"]["spectrogram"]  # the network that was stopped is of today
    (stopped_copy / RUN).write_text(yaml.safe_dump({**card, **own}))
    assert call(main, ["--status", stopped_copy], stopped_copy).code == 0
    ran = run(stopped_copy, "--resume", "temperature=0.3")
    assert ran.code == 2 and "temperature: 0.15 then, 0.3 now" in ran.told
    ran = run(stopped_copy, "--resume")
    assert ran.code == 0, ran.told
    weights = [out / "test_resnet" / "encoder.safetensors" for out in (stopped_copy, finished.out)]
    assert weights[0].read_bytes() == weights[1].read_bytes()
    now = yaml.safe_load((stopped_copy / RUN).read_text())
    assert (now["versions"], now["commit"]) == (card["versions"], card["commit"])
    (change,) = now["history"]
    assert change["versions"] == package_versions() and change["steps"] == {"test_resnet": 2}
