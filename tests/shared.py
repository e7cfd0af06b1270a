"""The reference material beside the checkout: the specification's facts, worked price cases, real data."""

from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared"

MISSING = "needs the reference material, a folder `shared` beside the checkout; it is not there"

needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason=MISSING)
