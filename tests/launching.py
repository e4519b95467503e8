"""What `accelerate launch` tells the processes that it starts, without starting any."""

from __future__ import annotations

import os
from pathlib import Path
from unittest.mock import patch

import fcpref

CONFIGS = Path(fcpref.__file__).parent / "profiles" / "accelerate"


def told_by(config: str) -> dict[str, str]:
    """Return the environment that a config of ours sets, as accelerate makes it.

    Args:
        config: its name, without the suffix.
    """
    from accelerate.commands import launch
    from accelerate.utils.launch import prepare_deepspeed_cmd_env, prepare_multi_gpu_env

    told: dict[str, str] = {}
    path = CONFIGS / f"{config}.yaml"
    arguments = launch.launch_command_parser().parse_args(
        ["--config_file", str(path), "-m", "fcpref.cli", "train"]
    )
    with (
        patch.object(launch, "multi_gpu_launcher", lambda a: told.update(prepare_multi_gpu_env(a))),
        patch.object(
            launch, "deepspeed_launcher", lambda a: told.update(prepare_deepspeed_cmd_env(a)[1])
        ),
    ):
        launch.launch_command(arguments)
    return {name: value for name, value in told.items() if os.environ.get(name) != value}
