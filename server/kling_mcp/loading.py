"""What is loaded once and stays until the process ends, kept out of the search for garbage.

To look through all of the rooms for garbage while they are being loaded is a tenth of a start; and later every full
search would look through them again while a caller waits.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def for_good() -> Iterator[None]:
    """Load in here what stays; what else is alive by then counts as staying, too."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
