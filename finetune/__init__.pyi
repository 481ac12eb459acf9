from .model.checkpoint import EnsembleCard as EnsembleCard
from .model.checkpoint import ModelCard as ModelCard
from .model.checkpoint import load_ensemble as load_ensemble
from .model.checkpoint import load_model as load_model
from .model.emotion_model import EmotionModel as EmotionModel
from .model.emotion_model import Ensemble as Ensemble
from .run import finetune as finetune
from .settings import FinetuneSettings as FinetuneSettings
