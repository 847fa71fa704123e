from __future__ import annotations

# The small valid build of the gate's own tests.
from tests.expectations.conftest import broken, scope, valid_build

__all__ = ["broken", "scope", "valid_build"]
