"""The fixtures of this folder."""

from tests.operations.authors import recorded

__all__ = ["recorded"]
