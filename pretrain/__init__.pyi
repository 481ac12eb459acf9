from .checkpoint import CheckpointError as CheckpointError
from .checkpoint import EncoderCard as EncoderCard
from .checkpoint import load_encoder as load_encoder
from .encoder import Encoder as Encoder
from .encoder import EncoderSettings as EncoderSettings
from .run import pretrain as pretrain
from .settings import PretrainSettings as PretrainSettings
