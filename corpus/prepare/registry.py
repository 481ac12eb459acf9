"""Which recipes there are: every module of `acted` and `in_the_wild` that defines `RECIPE`."""

import importlib
import pkgutil

from emoclr.corpus.prepare import acted, in_the_wild
from emoclr.corpus.prepare.recipe import Recipe

_MODULES = [
    importlib.import_module(f"{package.__name__}.{found.name}")
    for package in (acted, in_the_wild)
    for found in pkgutil.iter_modules(package.__path__)
]

RECIPES: dict[str, Recipe] = {
    recipe.name: recipe
    for recipe in sorted(
        (module.RECIPE for module in _MODULES if hasattr(module, "RECIPE")), key=lambda recipe: recipe.name
    )
}
"""By the name that users type, sorted."""


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
