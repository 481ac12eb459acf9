"""`python -m emoclr.probe` is the `probe` command."""

import sys

from emoclr.probe.cli import main

sys.exit(main())
