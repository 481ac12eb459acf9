from .run import Answer as Answer
from .run import Predictions as Predictions
from .run import predict as predict
from .tables import write_predictions as write_predictions
