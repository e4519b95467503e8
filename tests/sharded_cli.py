"""The command line as `accelerate launch` starts it for shares of a model, but on processors.

Accelerate shards on GPUs only, and PyTorch can on processors too. Memory differs: the first process
puts a step's rows into one pass, the others put each into one of its own.
"""

from __future__ import annotations

import os

from accelerate.state import PartialState
from accelerate.utils import DistributedType

from fcpref.cli import main
from fcpref.shell import processes, training_memory

if __name__ == "__main__":
    os.environ["ACCELERATE_TORCH_DEVICE"] = "cpu"
    PartialState._prepare_backend = lambda *_, **__: ("gloo", DistributedType.MULTI_GPU)
    training_memory._CPU_TOKENS = 1_000_000 if processes.is_first() else 1
    main()
