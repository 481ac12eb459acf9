from .named_files import Prepared as Prepared
from .recipes import RECIPES as RECIPES
from .recipes import Recipe as Recipe
