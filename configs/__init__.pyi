from .errors import ConfigError as ConfigError
from .errors import EmoclrError as EmoclrError
from .settings import Settings as Settings
from .settings import load_settings as load_settings
