import numpy as np
import pytest

from emoclr.configs.errors import ConfigError
from emoclr.corpus.clips.clip_table import Clip, ClipTable
from emoclr.pretrain.data.sentences import sentences_of


@pytest.fixture
def tables(tmp_path):
    """Two tables, of which one tells sentences, and not of every clip."""
    told, plain = tmp_path / "told.csv", tmp_path / "plain.csv"
    rows = ["a.wav,0,x,dogs", "a.wav,2,x,kids", "b.wav,0,y,dogs", "c.wav,0,y,", "d.wav,0,y,unknown"]
    told.write_text("path,start_s,speaker,sentence\n" + "\n".join(rows) + "\n")
    plain.write_text("path,speaker\ne.wav,z\n")
    return told, plain


def test_clips_of_one_sentence_have_one_number_and_what_is_unknown_has_none(tables, tmp_path, capsys):
    parts = [("b", 0.0), ("a", 2.0), ("e", 0.0), ("a", 0.0), ("c", 0.0), ("d", 0.0), ("a", 1.0)]
    clips = ClipTable.of(Clip(tmp_path / f"{name}.wav", start_s) for name, start_s in parts)
    found = sentences_of(clips, [*tables, tmp_path])
    assert found[0] == found[3] >= 0 and found[1] >= 0 and found[0] != found[1]
    np.testing.assert_array_equal(found[[2, 4, 5, 6]], -1)
    assert "3 of 7 clips say one of 2 sentences" in capsys.readouterr().err


def test_without_a_column_of_sentences_there_are_no_such_negatives(tables, tmp_path, run, corpus):
    with pytest.raises(ConfigError, match="same_sentence: no table among data has a column 'sentence'"):
        sentences_of(ClipTable.of([Clip(tmp_path / "e.wav")]), [tables[1]])
    ran = run(tmp_path / "run", "negatives=same_sentence")
    assert ran.code == 2 and "has a column 'sentence'" in ran.told
