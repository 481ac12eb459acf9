"""Files that commit 91de39e wrote (see make.py) are read, trusted and continued."""

import csv
import io
import os
import runpy
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from emoclr.corpus.cli import main as corpus
from emoclr.corpus.clips.sources import clips_from, clips_of
from emoclr.corpus.decoded.cache import used_bytes
from emoclr.corpus.decoded.waveforms import open_waveforms
from emoclr.corpus.labels.labels_csv import read_labels
from emoclr.corpus.tars.tar_corpus import open_tars
from emoclr.finetune.cli import main as finetune
from emoclr.finetune.model.checkpoint import load_ensemble
from emoclr.predict.cli import main as predict_command
from emoclr.predict.run import predict
from emoclr.pretrain.cli import main as pretrain
from emoclr.probe.cli import main as probe

HERE = Path(__file__).parent
MAKE = runpy.run_path(str(HERE / "make.py"))
N_CLIPS = MAKE["CLIPS"]
RECORDINGS, LABELS, CACHE = Path("recordings"), Path("recordings/labels.csv"), Path("cache")


@pytest.fixture(autouse=True)
def then(tmp_path, monkeypatch):
    """The working folder as it was: a copy of the files beside their recordings."""
    shutil.copytree(HERE / "v0_1", tmp_path / "then")
    monkeypatch.chdir(tmp_path / "then")
    card = Path("pretrained/run.yaml")
    card.write_text(card.read_text().replace("/made", str(Path.cwd())))
    MAKE["write_recordings"](RECORDINGS)


def table_of(path: str | Path) -> list[dict[str, str]]:
    with Path(path).open(newline="") as file:
        return list(csv.DictReader(file))


def columns(path: str | Path, *names: str) -> np.ndarray:
    return np.array([[float(row[name]) for name in names] for row in table_of(path)])


def test_a_cache_is_filled_anew_in_place_of_its_shards(decodings):
    size_bytes = used_bytes(CACHE)
    store = open_waveforms(clips_of(read_labels(LABELS)), CACHE)
    assert len(store) == N_CLIPS and store.uncached == 0
    for clip in range(N_CLIPS):
        assert np.array_equal(store.waveform(clip), sf.read(store.path(clip), dtype="float32")[0])
    assert len(decodings) == N_CLIPS and used_bytes(CACHE) == size_bytes
    then = {path.name for path in (HERE / "v0_1" / "cache").iterdir()}
    assert not then & {path.name for path in CACHE.iterdir()}


@pytest.mark.parametrize("name", ["index.parquet", "index.csv"])
def test_an_index_is_read_and_a_scan_reads_no_recording_again(call, name):
    store = open_waveforms(clips_from([Path(name)], None), CACHE)
    assert [store.path(clip).name for clip in range(N_CLIPS)] == [f"{clip:02}.wav" for clip in range(N_CLIPS)]
    before = Path(name).read_bytes()
    for path in RECORDINGS.glob("*.wav"):
        # Of the same size and time as before, so that only reading it would tell.
        path.write_bytes(b"x" * path.stat().st_size)
        os.utime(path, ns=(MAKE["MODIFIED_NS"], MAKE["MODIFIED_NS"]))
    ran = call(corpus, ["scan", RECORDINGS, "--out", name], Path(name))
    assert ran.code == 0 and f"0 new, 0 changed, 0 gone, {N_CLIPS} as before" in ran.told
    assert Path(name).read_bytes() == before


def test_tars_are_opened_by_their_cards(tmp_path):
    tars = open_tars(["tars/corpus-{000000..000000}.tar"], ["train"], tmp_path)
    assert tars.counts.tolist() == [4] and tars.speaker_names == ["s0"]
    found = [sf.read(io.BytesIO(sample.audio))[0] for sample in tars.stretch(np.arange(1), 0, 4)]
    made = [sf.read(RECORDINGS / f"{clip:02}.wav")[0] for clip in range(4)]
    assert sorted(map(list, found)) == sorted(map(list, made))


def test_a_stopped_pretraining_tells_its_state_and_goes_on(call):
    out = Path("pretrained")
    metrics = out / MAKE["BACKBONE"] / "metrics.csv"
    ran = call(pretrain, ["--status", out], out)
    assert ran.code == 0 and (out / "report.html").is_file()
    assert [MAKE["BACKBONE"], "2", "of", "16"] in [line.split()[:4] for line in ran.told.splitlines()]
    ran = call(pretrain, [*MAKE["PRETRAIN"][1:], f"out={out}", "--resume"], out)
    assert ran.code == 0, ran.told
    # The first steps say whether weights, optimizer, schedule and order of clips are those of the run that was stopped.
    names = ("step", "loss", "learning_rate", "effective_rank")
    assert columns(metrics, *names)[:6] == pytest.approx(columns("uninterrupted.csv", *names)[:6], rel=1e-3)
    assert len(table_of(metrics)) == 16


def test_a_probe_of_an_earlier_encoder_gives_the_predictions_it_gave(call):
    ran = call(probe, [*MAKE["PROBE"][1:], "--out", "again"], Path("again"))
    assert ran.code == 0, ran.told
    names = ("label_anger", "probability_anger", "probability_sadness", "threshold_sadness")
    assert columns("again/answers.csv", *names) == pytest.approx(columns("probe/answers.csv", *names), abs=1e-4)


def test_reports_are_compared(call):
    ran = call(probe, ["compare", "probe", "emotions"], Path())
    assert ran.code == 0
    lines = [line.split() for line in ran.told.splitlines()]
    assert ["test_efficientnet", "0.938", "0.88–1.00"] in [line[:3] for line in lines]
    assert ["ensemble", "1.000", "1.00–1.00"] in [line[:3] for line in lines]


def test_an_ensemble_gives_the_probabilities_it_gave():
    ensemble, card = load_ensemble(Path("emotions"))
    answers = Path("emotions/report/answers.csv")
    stored = columns(answers, *(f"probability_{name}" for name in card.emotions))
    files = [RECORDINGS / row["path"] for row in table_of(answers)]
    found = np.stack([row.probabilities for row in predict(ensemble, card, files, gate=False).rows])
    assert found == pytest.approx(stored, abs=1e-5)


@pytest.mark.parametrize(("name", "words"), [("predictions.csv", []), ("timeline.csv", ["--timeline"])])
def test_predict_writes_the_table_it_wrote(call, name, words):
    before = table_of(name)
    numbers = columns(name, "start_s", "end_s", "anger", "sadness")
    ran = call(predict_command, ["--from", "emotions", RECORDINGS, "--out", name, "--gate", "none", *words], Path(name))
    assert ran.code == 0
    assert columns(name, "start_s", "end_s", "anger", "sadness") == pytest.approx(numbers, abs=1e-3)
    texts = [[(row["path"], row["emotions"]) for row in rows] for rows in (before, table_of(name))]
    assert texts[0] == texts[1]


def test_members_of_a_finished_fine_tuning_are_not_trained_again(call):
    written = {path: path.stat().st_mtime_ns for path in Path("emotions").rglob("model.safetensors")}
    ran = call(finetune, [*MAKE["FINETUNE"][1:], "--out", "emotions", "--resume"], Path("emotions"))
    assert ran.code == 0, ran.told
    assert len(written) == 2 and all(path.stat().st_mtime_ns == then for path, then in written.items())
