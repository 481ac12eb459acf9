"""`python -m emoclr.augment` is the `augment` command."""

import sys

from emoclr.augment.cli import main

sys.exit(main())
