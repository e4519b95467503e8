"""The log beside the artifacts: what a stage did, how long it took, on what.

JSON lines, one file a stage. All that must not be in hashed bytes goes here: timings, versions,
the machine. Keys go nowhere.
"""

from __future__ import annotations

import os
import platform
import time
from contextlib import contextmanager, suppress
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any, TextIO

from fcpref.errors import ArtifactError

if TYPE_CHECKING:
    from collections.abc import Iterator, MutableMapping
    from pathlib import Path

_SECRET_NAMES = ("api_key", "apikey", "authorization", "password", "secret")
_SECRET_VARIABLES = ("FCPREF_API_KEY", "OPENAI_API_KEY", "HF_TOKEN")
_LIBRARIES = ("fcpref", "torch", "transformers", "trl", "peft")


class StageLog:
    """The open log of one stage."""

    def __init__(self, path: Path, logger: Any) -> None:  # noqa: ANN401 - structlog's logger
        """Wrap a structlog logger."""
        self._path, self._logger = path, logger

    def write(self, event: str, **fields: object) -> None:
        """Append one line.

        Raises:
            ArtifactError: the disk is full.
        """
        try:
            self._logger.info(event, **fields)
        except OSError as error:
            message = (
                f"{self._path}: cannot be written ({error.strerror}); free space and run the same "
                "command again to go on"
            )
            raise ArtifactError(message) from None


@contextmanager
def stage_log(folder: Path, stage: str, **fields: object) -> Iterator[StageLog]:
    """Log the beginning and the end of a stage, with its wall-clock seconds.

    Args:
        folder: where ``<stage>.jsonl`` is, made when it is missing.
        stage: the stage's name.
        **fields: go with every line.
    """
    import structlog

    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{stage}.jsonl"
    with _appending(path) as file:
        logger = structlog.wrap_logger(
            structlog.WriteLogger(file),
            processors=[
                structlog.processors.add_log_level,
                structlog.processors.TimeStamper(fmt="iso", utc=True),
                without_secrets,
                structlog.processors.JSONRenderer(sort_keys=True),
            ],
        ).bind(stage=stage, **fields)
        log = StageLog(path, logger)
        log.write("begin", versions=_versions(), cpus=os.cpu_count())
        start = time.monotonic()
        try:
            yield log
        except BaseException as error:
            with suppress(ArtifactError):  # what stopped the stage matters more
                log.write("stopped", seconds=_since(start), error=type(error).__name__)
            raise
        log.write("end", seconds=_since(start))


@contextmanager
def _appending(path: Path) -> Iterator[TextIO]:
    file = path.open("a", encoding="utf-8")
    try:
        yield file
    finally:
        # After a failed write, closing fails once more; the first failure was told.
        with suppress(OSError):
            file.close()


def without_secrets(
    _logger: object, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Blank fields that are named like a secret or hold one; a structlog processor."""
    secrets = [value for name in _SECRET_VARIABLES if (value := os.environ.get(name))]
    for name, value in event.items():
        text = str(value)
        if name.lower() in _SECRET_NAMES or any(secret in text for secret in secrets):
            event[name] = "(withheld)"
    return event


def _since(start: float) -> float:
    return round(time.monotonic() - start, 3)


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for library in _LIBRARIES:
        try:
            found[library] = version(library)
        except PackageNotFoundError:
            continue
    return found
