"""The most confident mistakes of the headline model."""

from emoclr.evaluate.report.section import Section
from emoclr.finetune.studies.context import Context
from emoclr.probe.studies.mistakes import mistakes_with_audio


def mistakes(context: Context) -> Section:
    """Returns the clips that the headline model is most confidently wrong about."""
    labeled, scored = context.labeled, context.labeled.division.scored
    return mistakes_with_audio(
        context.truth,
        context.scores.headline,
        labeled.table.select(scored),
        labeled.store,
        labeled.rows[scored],
        players=context.settings.players,
    )
