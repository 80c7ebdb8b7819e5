"""Pictures for what is bought from gateways."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.files.conftest import picture_bytes


@pytest.fixture
def a_picture_here(tmp_path: Path) -> str:
    """Return the path of a picture that may be read."""
    path = tmp_path / "pictures" / "fox.jpg"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(picture_bytes(640, 480))
    return str(path)
