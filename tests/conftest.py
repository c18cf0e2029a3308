"""What all tests share."""

from __future__ import annotations

import os
from pathlib import Path

# The exchange's sessions take seconds to compute: keep them beside the tests, not in the user's home.
os.environ.setdefault("OPENBELL_CACHE", str(Path(__file__).parents[1] / ".pytest_cache" / "openbell"))
