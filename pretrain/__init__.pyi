from .encoder.checkpoint import EncoderCard as EncoderCard
from .encoder.checkpoint import load_encoder as load_encoder
from .encoder.encoder import Encoder as Encoder
from .encoder.encoder import EncoderSettings as EncoderSettings
from .encoder.folders import CheckpointError as CheckpointError
from .run import pretrain as pretrain
from .settings import PretrainSettings as PretrainSettings
