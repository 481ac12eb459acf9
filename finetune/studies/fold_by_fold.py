"""Fold by fold: the numbers of cross-validation as papers give them."""

from emoclr.evaluate.report.section import Section
from emoclr.finetune.studies.context import Context
from emoclr.probe.studies.fold_by_fold import section_of_folds


def fold_by_fold(context: Context) -> Section | None:
    """Returns the headline metrics of each fold, where there are several."""
    return section_of_folds(context.scores, context.labeled.division)
