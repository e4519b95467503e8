"""Tasks on a Ray cluster; the extra ``ray``. The one module that imports it.

Ray starts a task again when its worker or its node dies. The API key of a server is in the
environment of the workers, where they were started; it is in no task, so neither in Ray's object
store nor in its logs.
"""

from __future__ import annotations

import os
import re
import socket
import time
from contextlib import ExitStack, redirect_stdout
from importlib.util import find_spec
from io import StringIO
from typing import TYPE_CHECKING, Any

from fcpref.errors import ClusterError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import TracebackType
    from typing import Self

    from fcpref.shell.shards import Work

_NAMED = ("local", "auto")
_HOST_PORT = re.compile(r"[^\s:/]+:\d{1,5}")
_REACHED_WITHIN = 5.0
_NO_IMPORT = "failed to import on the worker"  # the only mark that Ray gives it
_RETRIES = 8
_LOOK_EVERY = 10.0
_WITHOUT_WORKERS = 300.0
_LEAST_IN_FLIGHT = 4


class RayExecutor:
    """Does tasks on a Ray cluster, which is joined for each run and left after it.

    Use it in a ``with`` block: at its end a run that broke off is left too. Leaving a local cluster
    stops it.
    """

    def __init__(self, address: str, **options: Any) -> None:  # noqa: ANN401 - ray.init's
        """Keep the address.

        Args:
            address: ``local`` starts a cluster of this machine's cores; ``auto`` is the one that
                runs here or that RAY_ADDRESS names; else ``HOST:PORT`` of its head.
            options: more arguments of ``ray.init``.

        Raises:
            UsageError: Ray is not installed, or that is no address.
        """
        if address not in _NAMED and not _HOST_PORT.fullmatch(address):
            raise UsageError(f"--ray {address}: give local, auto, or HOST:PORT of a head node")
        if find_spec("ray") is None:
            raise UsageError("--ray needs Ray; run pip install 'fcpref[ray]'")
        self._address = address
        self._options = options
        self._joined = ExitStack()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        """Leave the cluster; what is still under way is given up."""
        self._joined.close()

    def run(
        self, work: Work, tasks: Iterable[bytes], *, gpu: bool = False
    ) -> Iterator[tuple[int, bytes]]:
        """See `Executor.run`.

        Raises:
            ClusterError: no cluster can be joined, it has no workers left, they lack fcpref, or a
                task was lost too often.
        """
        import ray

        self._join()
        gpus = 1 if gpu and ray.cluster_resources().get("GPU") else 0
        # What passes is tried again by the engine, and expected errors come back as results: an
        # exception is a bug, which another worker would only meet again.
        remote = ray.remote(num_cpus=1, num_gpus=gpus, max_retries=_RETRIES, retry_exceptions=False)
        run = remote(work)
        waiting = enumerate(tasks)
        numbers: dict[Any, int] = {}
        try:
            while self._fill(run, waiting, numbers):
                for done in self._ended(list(numbers)):
                    yield numbers.pop(done), self._result(done)
        finally:
            for one in numbers:
                ray.cancel(one, force=True)
            self._joined.close()

    def _fill(self, run: Any, waiting: Iterator[tuple[int, bytes]], numbers: dict[Any, int]) -> int:  # noqa: ANN401
        """Begin tasks as long as there is room; return how many are under way."""
        import ray

        # Two for each core: one is worked on, one waits for it there. Read each time, for clusters
        # grow and shrink.
        room = max(_LEAST_IN_FLIGHT, 2 * int(ray.cluster_resources().get("CPU", 0)))
        while len(numbers) < room:
            following = next(waiting, None)
            if following is None:
                break
            number, task = following
            numbers[run.remote(task)] = number
        return len(numbers)

    def _ended(self, references: list[Any]) -> list[Any]:
        """Wait for the first tasks to end."""
        import ray

        seen = time.monotonic()
        while True:
            ended, _ = ray.wait(references, num_returns=1, timeout=_LOOK_EVERY)
            if ended:
                return list(ended)
            if ray.cluster_resources().get("CPU"):
                seen = time.monotonic()
            elif time.monotonic() - seen > _WITHOUT_WORKERS:
                raise ClusterError(
                    f"Ray cluster {self._address}: has had no worker for "
                    f"{_WITHOUT_WORKERS:.0f} s; start some and run the same command again to go on"
                )

    def _result(self, reference: Any) -> bytes:  # noqa: ANN401 - Ray's
        import ray
        from ray import exceptions

        try:
            result: bytes = ray.get(reference)
        except exceptions.RayTaskError as error:
            lines = str(error.cause).strip().splitlines()
            if lines and _NO_IMPORT in lines[0]:
                raise ClusterError(
                    f"Ray cluster {self._address}: a worker cannot import fcpref ({lines[-1]}); "
                    "install the same fcpref on all and start the workers again"
                ) from None
            raise
        except exceptions.RayError as error:
            raise ClusterError(
                f"Ray cluster {self._address}: a shard was lost {_RETRIES + 1} times "
                f"({type(error).__name__}); see the logs of its workers, more --shards need less "
                "memory each"
            ) from None
        return result

    def _join(self) -> None:
        import ray

        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
        if self._address == "local":
            quiet["include_dashboard"] = False
        try:
            _reach(self._address)
            # Ray prints what it hears of dead nodes to standard output, which is for results.
            self._joined.enter_context(redirect_stdout(StringIO()))
            self._joined.callback(ray.shutdown)
            ray.init(address=self._address, **quiet, **self._options)
        except (RuntimeError, ValueError, OSError) as error:
            self._joined.close()
            reason = str(error).partition("\n")[0].rstrip(".")
            raise ClusterError(
                f"Ray cluster {self._address}: cannot be joined ({reason}); start one with "
                "ray start --head, or use --ray local"
            ) from None


def _reach(address: str) -> None:
    """Try a cluster's port: where nobody listens, Ray itself would go on trying for minutes."""
    if address == "auto":
        address = os.environ.get("RAY_ADDRESS", address)
    host, _, port = address.rpartition(":")
    if _HOST_PORT.fullmatch(address):
        socket.create_connection((host, int(port)), timeout=_REACHED_WITHIN).close()
