from .corpus.labels.labels_csv import read_labels as read_labels
from .embedder import Embedder as Embedder
from .evaluate.linear_probe import LinearProbe as LinearProbe
from .predict.data_frame import predict_frame
from .predict.loaded_ensemble import load_ensemble as load_ensemble
from .pretrain.encoder.checkpoint import load_encoder as load_encoder
from .pretrain.encoder.recordings import embed as embed

predict = predict_frame
