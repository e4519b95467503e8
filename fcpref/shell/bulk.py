"""Many values at once."""

from __future__ import annotations

import gc
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def bulk() -> Iterator[None]:
    """Make values that stay without the cyclic garbage collector.

    It looks at all of them again and again, which is most of the time that 100,000 chains take, and
    finds nothing: plain data and frozen values have no cycles.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
