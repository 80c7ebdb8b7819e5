"""The table of what every reseller can do, run whole, and as the docs have it."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.gateways import table
from tests.vendors.serving import Fake


@pytest.mark.anyio
@pytest.mark.long
async def test_what_is_documented_ends_as_a_file_and_the_rest_is_refused(tmp_path: Path) -> None:
    found = {}
    for fake in Fake:
        (folder := tmp_path / fake.value).mkdir()
        found[fake] = await table.check(fake, folder)
    assert [(fake, name, cell) for fake, cells in found.items() for name, cell in cells.items() if not cell.held] == []
    assert table.table(found) in table.DOCS.read_text("utf-8")
