"""``fcpref`` with slow writing of checkpoints: ``python -m tests.training_runs ARGUMENTS``.

A kill at a random moment then finds one half written.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from fcpref.cli import main
from fcpref.shell import checkpoints

if TYPE_CHECKING:
    from pathlib import Path

_PAUSE = 0.02


def write_slowly(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        for half in (data[: len(data) // 2], data[len(data) // 2 :]):
            file.write(half)
            file.flush()
            time.sleep(_PAUSE)
        os.fsync(file.fileno())


if __name__ == "__main__":
    checkpoints.write_synced = write_slowly
    main()
