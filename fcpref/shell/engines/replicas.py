"""The `transformers` engine on several devices: a process each, one engine to the outside."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from multiprocessing.connection import wait
from typing import TYPE_CHECKING, Any

from attrs import evolve, frozen

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

    load: Load
    device: str
    name: str
    revision: str
    sampling: Sampling
    rows: int
    requests: tuple[Request, ...]


class ReplicasEngine:
    """Deals chains out to copies of a model; a chain stays where it began."""

    def __init__(
        self,
        load: Load,
        devices: Sequence[str],
        tokenizer: Any,  # noqa: ANN401 - transformers ships no useful types
        *,
        name: str,
        revision: str,
        sampling: Sampling,
        rows: int = 0,
    ) -> None:
        """Keep what the processes will need.

        Args:
            load: loads model and tokenizer onto a device.
            devices: such as ``cuda:0``, one a process.
            tokenizer: the same one, for what is checked before any process starts.
            name: the model's name, for records.
            revision: the model's content hash or commit.
            sampling: how replies are drawn.
            rows: chains at once on each device; 0 plans it from the free memory.

        Raises:
            ModelError: the tokenizer has no chat template.
        """
        self._identity = identity_of(tokenizer, name, revision, sampling)
        self._tokenizer = tokenizer
        self._devices = tuple(devices)
        self._share = _Share(
            load=load,
            device="",
            name=name,
            revision=revision,
            sampling=sampling,
            rows=rows,
            requests=(),
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
        spawn = multiprocessing.get_context("spawn")
        processes = []
        working: dict[Any, str] = {}
        try:
            for device, own in zip(self._devices, self._dealt(requests), strict=True):
                here, there = spawn.Pipe()
                process = spawn.Process(target=_work, args=(there, own), daemon=True)
                process.start()
                there.close()
                processes.append(process)
                working[here] = device
            while working:
                for connection in wait(list(working)):
                    if _serve(connection, working[connection], on_reply):
                        del working[connection]
        finally:
            for process in processes:
                process.terminate()
                process.join()

    def _dealt(self, requests: Sequence[Request]) -> list[_Share]:
        """Return equal shares: neighbours by length go to different devices."""

        def length(request: Request) -> int:
            return sum(len(message.content) for message in request.messages)

        ordered = sorted(requests, key=length, reverse=True)
        count = len(self._devices)
        return [
            evolve(self._share, device=device, requests=tuple(ordered[index::count]))
            for index, device in enumerate(self._devices)
        ]


def _serve(connection: Any, device: str, on_reply: OnReply) -> bool:  # noqa: ANN401
    """Answer one message of a process; tell whether it was the last one."""
    try:
        said = connection.recv()
    except EOFError:
        raise ModelError(
            f"the process on {device} ended before its work did; look at the free memory and run"
            " again to go on"
        ) from None
    match said:
        case (Request() as request, reply):
            connection.send(on_reply(request, reply))
            return False
        case ModelError() as error:
            raise error
    return True


def _work(connection: Any, share: _Share) -> None:  # noqa: ANN401
    """Run a share in this process; every reply goes to the parent, which says what follows."""
    import torch

    def ask(request: Request, reply: Reply) -> Request | None:
        connection.send((request, reply))
        following: Request | None = connection.recv()
        return following

    try:
        if share.device.startswith("cuda"):
            torch.cuda.set_device(share.device)
        model, tokenizer = share.load(share.device)
        engine = TransformersEngine(
            model,
            tokenizer,
            name=share.name,
            revision=share.revision,
            sampling=share.sampling,
            rows=share.rows,
        )
        engine.run(share.requests, ask)
        connection.send(None)
    except ModelError as error:
        connection.send(error)
