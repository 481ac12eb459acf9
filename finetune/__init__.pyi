from .checkpoint import EnsembleCard as EnsembleCard
from .checkpoint import ModelCard as ModelCard
from .checkpoint import load_ensemble as load_ensemble
from .checkpoint import load_model as load_model
from .model import EmotionModel as EmotionModel
from .model import Ensemble as Ensemble
from .run import finetune as finetune
from .settings import FinetuneSettings as FinetuneSettings
