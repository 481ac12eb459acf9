"""Another corpus to score: its clips, and the emotions that both corpora share."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from emoclr.corpus.clips.sources import clips_of
from emoclr.corpus.decoded.cache_settings import opener
from emoclr.corpus.decoded.labeled import open_labeled
from emoclr.corpus.decoded.waveforms import WaveformStore
from emoclr.corpus.labels.cross_corpus import CrossCorpus, cross
from emoclr.corpus.labels.division import check_leaks, divide
from emoclr.corpus.labels.label_table import LabelTable
from emoclr.evaluate.metrics.arrays import Array
from emoclr.finetune.data.labeled_clips import LabeledClips
from emoclr.finetune.settings import FinetuneSettings
from emoclr.probe.features.logmel import chance_probabilities


@dataclass(frozen=True)
class OtherCorpus:
    """Clips of another corpus that the ensemble is scored on.

    Attributes:
        crossing: what both corpora share.
        table: labels of the clips, by the first corpus' names of emotions.
        store: the clips, decoded, in the same order.
        columns: (shared emotions,) their places among the emotions of the models.
        prior: (shared emotions,) their mean shares in the training clips of the first corpus.
        notes: what of the other table is probably not meant so.
    """

    crossing: CrossCorpus
    table: LabelTable
    store: WaveformStore
    columns: list[int]
    prior: Array
    notes: Sequence[str]


def open_other(labels: LabelTable, labeled: LabeledClips, settings: FinetuneSettings) -> OtherCorpus:
    """Returns the clips of another corpus: its test rows where it has some, else all.

    Raises:
        EmoclrError: no emotion is shared, a speaker or a recording is in both, or no clip can be read.
    """
    # In folds, every clip is trained on by some member of the ensemble.
    ours = replace(labeled.table, splits=None) if settings.folds else labeled.table
    crossing = cross(ours, labels)
    opened = opener(settings)
    scored = crossing.table.select(crossing.table.rows_of("test"))
    clips = open_labeled(replace(scored, source=labels.source), opened)
    both = opened(clips_of(crossing.table))
    readable = crossing.table.select(both.source_rows)
    check_leaks(readable, divide(readable, None, settings.seed), both.digests, both.silent)
    table = clips.table
    columns = [labeled.table.emotions.index(emotion) for emotion in table.emotions]
    prior = chance_probabilities(labeled.table.targets[labeled.division.fitted], 1)[0, columns]
    return OtherCorpus(crossing, table, clips.store, columns, prior, clips.notes)
