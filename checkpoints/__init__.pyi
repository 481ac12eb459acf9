from .cards.release_card import ReleaseCard as ReleaseCard
from .cards.settings import ReleaseSettings as ReleaseSettings
from .hub import push as push
from .run import release as release
