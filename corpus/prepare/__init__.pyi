from .recipe import Prepared as Prepared
from .recipe import Recipe as Recipe
from .recipes import RECIPES as RECIPES
