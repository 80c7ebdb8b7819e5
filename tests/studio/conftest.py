"""What the tests of the studio share: clips, made once."""

from tests.files.conftest import clips, encoder

__all__ = ["clips", "encoder"]
