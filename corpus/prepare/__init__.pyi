from .recipe import Prepared as Prepared
from .recipe import Recipe as Recipe
from .registry import RECIPES as RECIPES
