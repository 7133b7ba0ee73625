"""The trained nets of the curvature tests."""

from tests.curvature.conftest import dense

__all__ = ["dense"]
