"""The `transformers` engine on several devices: a process each, one engine to the outside."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from multiprocessing.connection import wait
from typing import TYPE_CHECKING, Any

from attrs import evolve, frozen

from fcpref.core.chains import Message
from fcpref.errors import ModelError
from fcpref.shell.engines.base import Request, Sampling
from fcpref.shell.engines.transformers import TransformersEngine, identity_of, require_template

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fcpref.core.chains import Reply
    from fcpref.shell.engines.base import OnReply

Load = Callable[[str], tuple[Any, Any]]
"""Loads model and tokenizer onto a device; another process must be able to import it."""


@frozen(kw_only=True)
class _Share:
    """What one process has to do."""

    name: str
    revision: str
    sampling: Sampling
    rows: int
    requests: tuple[Request, ...]


class Replicas:
    """Processes that each have loaded the model onto a device of its own."""

    def __init__(self, load: Load, devices: Sequence[str]) -> None:
        """Start nothing yet.

        Args:
            load: loads model and tokenizer onto a device.
            devices: such as ``cuda:0``, one a process.
        """
        self._load, self.devices = load, tuple(devices)
        self._processes: list[Any] = []
        self._connections: dict[Any, str] = {}

    def connections(self) -> dict[Any, str]:
        """Return the processes' connections with their devices; starts them when they are not."""
        if not self._processes:
            spawn = multiprocessing.get_context("spawn")
            for device in self.devices:
                here, there = spawn.Pipe()
                process = spawn.Process(target=_work, args=(there, self._load, device), daemon=True)
                process.start()
                there.close()
                self._processes.append(process)
                self._connections[here] = device
        return dict(self._connections)

    def close(self) -> None:
        """End the processes; the next use starts others."""
        for process in self._processes:
            process.terminate()
            process.join()
        self._processes, self._connections = [], {}


class ReplicasEngine:
    """Deals chains out to copies of a model; a chain stays where it began."""

    def __init__(
        self,
        replicas: Replicas,
        tokenizer: Any,  # noqa: ANN401 - transformers ships no useful types
        *,
        name: str,
        revision: str,
        sampling: Sampling,
        dtype: str,
        rows: int = 0,
    ) -> None:
        """Keep what the processes will need.

        Args:
            replicas: the processes.
            tokenizer: the same one, for what is checked before any process starts.
            name: the model's name, for records.
            revision: the model's content hash or commit.
            sampling: how replies are drawn.
            dtype: what the processes load the model in, for records.
            rows: chains at once on each device; 0 plans it from the free memory.

        Raises:
            ModelError: the tokenizer has no chat template.
        """
        self._identity = identity_of(tokenizer, name, revision, sampling, dtype)
        self._tokenizer = tokenizer
        self._replicas = replicas
        self._share = _Share(
            name=name, revision=revision, sampling=sampling, rows=rows, requests=()
        )

    @property
    def identity(self) -> Mapping[str, str]:
        """See `Engine.identity`; the same as on one device."""
        return self._identity

    def run(self, requests: Sequence[Request], on_reply: OnReply) -> None:
        """See `Engine.run`.

        Raises:
            ModelError: see `TransformersEngine.run`; or a process ended before its work did.
        """
        require_template(self._tokenizer, requests, self._identity["model"])
        try:
            working = self._replicas.connections()
            dealt = zip(working.items(), self._dealt(requests), strict=True)
            for (connection, device), share in dealt:
                _send(connection, device, share)
            asked = {request.job: request for request in requests}
            while working:
                for connection in wait(list(working)):
                    if _serve(connection, working[connection], asked, on_reply):
                        del working[connection]
        except BaseException:
            # Some are in the middle of their shares, and would answer the next run with them.
            self._replicas.close()
            raise

    def _dealt(self, requests: Sequence[Request]) -> list[_Share]:
        """Return equal shares: neighbours by length go to different devices."""

        def length(request: Request) -> int:
            return sum(len(message.content) for message in request.messages)

        ordered = sorted(requests, key=length, reverse=True)
        count = len(self._replicas.devices)
        return [evolve(self._share, requests=tuple(ordered[n::count])) for n in range(count)]


def _serve(
    connection: Any,  # noqa: ANN401
    device: str,
    asked: dict[str, Request],
    on_reply: OnReply,
) -> bool:
    """Answer one message of a process; tell whether it was the last one.

    Args:
        connection: to the process.
        device: its own, for messages.
        asked: what is being answered, by job; is kept up.
        on_reply: see `Engine.run`.
    """
    try:
        said = connection.recv()
    except (EOFError, OSError):
        raise _ended(device) from None
    match said:
        case [*replies]:
            onward: list[_Onward] = []
            for job, reply in replies:
                request = asked.pop(job)
                following = on_reply(request, reply)
                if following is not None:
                    asked[following.job] = following
                onward.append(_shortened(request, following))
            _send(connection, device, onward)
            return False
        case ModelError() as error:
            raise error
    return True


_Onward = Request | tuple[Message, ...] | None
"""What follows a request: another one, what its chain's next one has more messages, or nothing."""


def _shortened(request: Request, following: Request | None) -> _Onward:
    """Return what the process needs to know of what follows: a chat is long, and it has it."""
    if following is None:
        return None
    added = following.messages[len(request.messages) :]
    return added if following == _onward(request, added) else following


def _onward(request: Request, added: tuple[Message, ...]) -> Request:
    return evolve(request, step=request.step + 1, messages=(*request.messages, *added))


def _send(connection: Any, device: str, value: object) -> None:  # noqa: ANN401
    try:
        connection.send(value)
    except OSError:
        raise _ended(device) from None


def _ended(device: str) -> ModelError:
    return ModelError(
        f"the process on {device} ended before its work did; look at the free memory and run"
        " again to go on"
    )


def _work(connection: Any, load: Load, device: str) -> None:  # noqa: ANN401
    """Run shares in this process; replies go to the parent, which says what follows."""
    import torch

    def ask(replies: Sequence[tuple[Request, Reply]]) -> list[Request | None]:
        connection.send([(request.job, reply) for request, reply in replies])
        onward: list[_Onward] = connection.recv()
        return [
            _onward(request, one) if isinstance(one, tuple) else one
            for (request, _), one in zip(replies, onward, strict=True)
        ]

    try:
        if device.startswith("cuda"):
            torch.cuda.set_device(device)
        model, tokenizer = load(device)
        while True:
            share: _Share = connection.recv()
            engine = TransformersEngine(
                model,
                tokenizer,
                name=share.name,
                revision=share.revision,
                sampling=share.sampling,
                rows=share.rows,
            )
            engine.answer(share.requests, ask)
            connection.send(None)
    except ModelError as error:
        connection.send(error)
    except EOFError:  # the parent has gone
        return
