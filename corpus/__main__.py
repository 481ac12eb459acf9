"""`python -m emoclr.corpus` is the `corpus` command."""

import sys

from emoclr.corpus.cli import main

sys.exit(main())
