from .run import probe as probe
from .settings import ProbeSettings as ProbeSettings
