"""`python -m emoclr.checkpoints` is the `checkpoints` command."""

import sys

from emoclr.checkpoints.cli import main

sys.exit(main())
