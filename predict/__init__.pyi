from .data_frame import predict_frame as predict_frame
from .output.tables import write_predictions as write_predictions
from .run import PredictionRow as PredictionRow
from .run import Predictions as Predictions
from .run import predict as predict
