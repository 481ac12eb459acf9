"""Cross-corpus evaluation: what both corpora share, as a section of a report."""

from emoclr.corpus.labels.cross_corpus import CrossCorpus
from emoclr.corpus.labels.division import Division
from emoclr.corpus.labels.label_table import LabelTable
from emoclr.evaluate.report.section import Section, Table
from emoclr.probe.studies.context import Context


def cross_corpus(context: Context) -> Section | None:
    """Returns the emotions that both corpora share, where one was fitted to and another scored."""
    if context.crossing is None:
        return None
    return cross_corpus_section(context.crossing, context.table, context.division, context.settings.positive_share)


def cross_corpus_section(
    crossing: CrossCorpus, table: LabelTable, division: Division, positive_share: float
) -> Section:
    """Returns the part of a report that lays the shared emotions of both corpora side by side.

    Args:
        crossing: the corpora.
        table: what could be learned of its table.
        division: its only fold is the one that was fitted and scored.
        positive_share: the share from which an emotion is there.
    """
    positive = table.targets >= positive_share
    (train, test), (here, there) = division.folds[0], crossing.sources
    counts = {
        name: (int(positive[train, column].sum()), int(positive[test, column].sum()))
        for column, name in enumerate(table.emotions)
    }
    pairs = [(ours, theirs) for ours, theirs in crossing.pairs if ours in counts]
    rows = [[ours, theirs, *(f"{count:,}" for count in counts[ours])] for ours, theirs in pairs]
    return Section(
        name="across",
        title="Across corpora",
        text="The emotions that both corpora have, by their names in either.",
        tables=[Table([f"in {here}", f"in {there}", "positive clips fitted to", "positive clips scored"], rows)],
        data={
            "fitted": here,
            "scored": there,
            "emotions": [
                {
                    "fitted": ours,
                    "scored": theirs,
                    "positives_fitted": counts[ours][0],
                    "positives_scored": counts[ours][1],
                }
                for ours, theirs in pairs
            ],
        },
    )
