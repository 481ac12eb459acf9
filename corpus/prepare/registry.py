"""Which recipes there are: every module of `acted` and `in_the_wild` that defines `RECIPE`."""

import importlib
import pkgutil

from emoclr.corpus.prepare import acted, in_the_wild
from emoclr.corpus.prepare.recipe import Recipe


def find_recipes() -> dict[str, Recipe]:
    """Returns all recipes by the name that users type, sorted: a new file needs no registration."""
    modules = [
        importlib.import_module(f"{package.__name__}.{found.name}")
        for package in (acted, in_the_wild)
        for found in pkgutil.iter_modules(package.__path__)
    ]
    recipes: list[Recipe] = [module.RECIPE for module in modules if hasattr(module, "RECIPE")]
    return {recipe.name: recipe for recipe in sorted(recipes, key=lambda recipe: recipe.name)}


RECIPES = find_recipes()


def listing() -> str:
    """Returns the recipes as a table of a few lines each, at most 80 columns wide."""
    lines = [f"{'name':12} {'language':9} {'emotions':>8}  licence"]
    for recipe in RECIPES.values():
        sets = ", ".join(f"{labels} ({clips:,})" for labels, clips in recipe.clips.items())
        lines += [
            f"{recipe.name:12} {recipe.language:9} {recipe.emotions:>8}  {recipe.licence}",
            f"    {recipe.description}",
            f"    --labels {sets}",
            *([f"    --folds {', '.join(recipe.folds)}"] if recipe.folds else []),
        ]
    return "\n".join(lines)
