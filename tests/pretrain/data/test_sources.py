import signal

import pytest
import torch
import yaml

from emoclr.configs.errors import ConfigError
from emoclr.corpus.parallel.engines import LocalEngine
from emoclr.corpus.tars.shards import write_shards
from emoclr.pretrain.data.sources import DecodedSource, TarSource, open_source
from emoclr.pretrain.data.unreadable_clips import SET_ASIDE
from emoclr.pretrain.encoder.checkpoint import WEIGHTS, load_encoder
from emoclr.pretrain.encoder.folders import RUN
from emoclr.pretrain.settings import PretrainSettings


@pytest.fixture(scope="module")
def tars(corpus, tmp_path_factory):
    """The corpus in tars, as a pattern: several of its training speakers, one of its test speaker."""
    folder = tmp_path_factory.mktemp("tars")
    paths = write_shards([corpus], folder, LocalEngine(), "flac", 0.15)
    assert len(paths) > 3
    return f"{folder}/corpus-{{000000..{len(paths) - 1:06}}}.tar"


def weights_of(run):
    return (run / "test_resnet" / WEIGHTS).read_bytes()


def settings_of(data, **more):
    content = {"data": [data], "out": "run", "backbones": ["test_resnet"], "batch_size": 8, "speakers_per_batch": 4}
    return PretrainSettings.model_validate(content | {"crop_s": 0.5} | more)


def test_tars_are_the_corpus_that_was_written_to_them(corpus, tars):
    decoded, streamed = open_source(settings_of(corpus)), open_source(settings_of(tars))
    assert isinstance(decoded, DecodedSource) and isinstance(streamed, TarSource)
    for name in ("clips", "speakers"):
        assert getattr(streamed, name) == getattr(decoded, name)
    assert streamed.hours == pytest.approx(decoded.hours, rel=1e-3)
    assert sorted(line.partition(": ")[2] for line in streamed.set_aside) == sorted(
        line.partition(": ")[2] for line in decoded.set_aside
    )
    for ranks in (1, 2):
        assert streamed.steps_per_epoch(ranks) == decoded.steps_per_epoch(ranks) == 3 // ranks


def test_negatives_of_one_sentence_are_of_one_speaker_and_one_sentence(corpus, tars, tmp_path):
    names = [f"{clip:02}.wav" for clip in range(24)]
    rows = [f"{corpus.parent / name},s{clip % 6},{'dogs' if clip < 12 else 'kids'}" for clip, name in enumerate(names)]
    table = tmp_path / "told.csv"
    table.write_text("\n".join(["path,speaker,sentence", *rows]))
    source = open_source(settings_of(table, workers=0, negatives="same_sentence"))
    clips = torch.cat([batch.clips for batch in source.loader(0, 1, 3)]).reshape(-1, 2)
    assert sorted(clips.ravel().tolist()) == list(range(24))
    assert torch.equal(clips[:, 0] % 6, clips[:, 1] % 6) and torch.equal(clips[:, 0] // 12, clips[:, 1] // 12)
    with pytest.raises(ConfigError, match="same_sentence needs CSVs"):
        open_source(settings_of(tars, negatives="same_sentence"))


def test_levels_of_tars_are_those_of_the_corpus(corpus, tars):
    """Crops are drawn elsewhere in each clip, so that levels agree and are not equal."""
    decoded, streamed = (open_source(settings_of(data)).normalisation() for data in (corpus, tars))
    assert streamed.mean == pytest.approx(decoded.mean, abs=0.3)
    assert streamed.std == pytest.approx(decoded.std, abs=0.3)


def test_a_run_from_tars_goes_on_as_if_it_had_never_stopped(run, at_step, tars, tmp_path):
    whole = run(tmp_path / "whole", f"data={tars}")
    assert whole.code == 0
    assert "24 clips, " in whole.told and "6 speakers; 2 set aside" in whole.told
    assert len((whole.out / SET_ASIDE).read_text().splitlines()) == 2
    assert yaml.safe_load((whole.out / RUN).read_text())["clips"] == 24
    assert load_encoder(whole.out / "test_resnet")[1].step == 6
    with at_step(3, lambda: signal.raise_signal(signal.SIGINT)):
        stopped = run(tmp_path / "stopped", f"data={tars}")
    assert stopped.code == 130
    assert weights_of(stopped.out) != weights_of(whole.out)
    assert run(stopped.out, f"data={tars}", "--resume", "workers=1").code == 0
    assert weights_of(stopped.out) == weights_of(whole.out)


def test_two_processes_train_from_tars_together(command, start_two, tars, tmp_path):
    ranks = start_two(command(tmp_path / "run", f"data={tars}", "devices=2"))
    assert [rank.wait() for rank in ranks] == [0, 0], ranks[0].told()
    # 24 clips are one batch of 8 on each of two ranks, and 8 that wait for the next of two epochs.
    assert load_encoder(tmp_path / "run/test_resnet")[1].step == 2


def test_tars_and_other_sources_are_not_mixed(run, tars, corpus, tmp_path):
    ran = run(tmp_path / "run", f"data={tars},{corpus}")
    assert ran.code == 2
    assert "tars cannot be mixed with other sources" in ran.told


def test_a_url_keeps_its_slashes():
    assert settings_of("s3://bucket/corpus-{000..127}.tar").data == ["s3://bucket/corpus-{000..127}.tar"]
