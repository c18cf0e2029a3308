"""Lets `python -m openbell.cli` do what the command `openbell` does."""

import sys

from openbell.cli import main

sys.exit(main())
