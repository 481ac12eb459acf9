from .data_frame import predict_frame as predict_frame
from .output.tables import write_predictions as write_predictions
from .run import Predictions as Predictions
from .run import predict as predict
from .stream.rows import PredictionRow as PredictionRow
from .stream.segments import Segment as Segment
