"""`python -m emoclr.pretrain` is the `pretrain` command."""

import sys

from emoclr.pretrain.cli import main

sys.exit(main())
