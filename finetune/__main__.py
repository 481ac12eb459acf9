"""`python -m emoclr.finetune` is the `finetune` command."""

import sys

from emoclr.finetune.cli import main

sys.exit(main())
