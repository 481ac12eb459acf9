"""Which recipes there are; a new one is a module and a name in this list."""

from corpus.prepare import (
    ased,
    crema_d,
    emodb,
    emogator,
    emotify,
    emovo,
    iemocap,
    meld,
    msp_podcast,
    nemo,
    ravdess,
    savee,
    tess,
    turev_db,
    urdu,
)
from corpus.prepare.recipe import Recipe

RECIPES: dict[str, Recipe] = {
    module.RECIPE.name: module.RECIPE
    for module in (
        ased,
        crema_d,
        emodb,
        emogator,
        emotify,
        emovo,
        iemocap,
        meld,
        msp_podcast,
        nemo,
        ravdess,
        savee,
        tess,
        turev_db,
        urdu,
    )
}


def listing() -> str:
    """Returns the recipes as a table of two lines each, at most 80 columns wide."""
    lines = [f"{'name':12} {'language':9} {'emotions':>8}  licence"]
    for recipe in RECIPES.values():
        sets = ", ".join(f"{labels} ({clips:,})" for labels, clips in recipe.clips.items())
        lines += [
            f"{recipe.name:12} {recipe.language:9} {recipe.emotions:>8}  {recipe.licence}",
            f"    {recipe.description}",
            f"    --labels {sets}",
        ]
    return "\n".join(lines)
