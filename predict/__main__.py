"""`python -m emoclr.predict` is the `predict` command."""

import sys

from emoclr.predict.cli import main

sys.exit(main())
