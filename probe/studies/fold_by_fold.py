"""Fold by fold: the numbers of cross-validation as papers give them."""

from emoclr.corpus.labels.division import Division
from emoclr.evaluate.report.section import Section
from emoclr.evaluate.scores import Scores
from emoclr.evaluate.studies.fold_by_fold import fold_by_fold_section
from emoclr.probe.studies.context import Context


def fold_by_fold(context: Context) -> Section | None:
    """Returns the headline metrics of each fold, where there are several."""
    return section_of_folds(context.scores, context.division)


def section_of_folds(scores: Scores, division: Division) -> Section | None:
    """Returns the headline metrics of each fold of a division, where there are several."""
    return fold_by_fold_section(scores, [len(test) for _, test in division.folds], division.names)
