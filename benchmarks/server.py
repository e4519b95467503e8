"""The openai engine against a local server that answers at once, beside the bare HTTP client.

Both have 256 requests in flight, and the client alone sends the same bodies. What is left over is
ours: the agent loop, the calls' execution, seeds, JSON, turns, counting.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.quick import Row, paired
from fcpref.core.chains import STUDENT, Limits, Reply
from fcpref.core.tasks import find_task
from fcpref.shell.engines.base import OnReply, Request, Sampling
from fcpref.shell.engines.openai import OpenAIEngine
from fcpref.shell.engines.openai_form import Form
from fcpref.shell.engines.openai_http import connection, fetch, tls
from fcpref.shell.engines.oracle import OracleEngine
from fcpref.shell.sampling import SamplePlan, sample_chains

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from fcpref.core.chains import Chain
    from fcpref.core.problems import Problem

AT_ONCE = 256
TASK = "fol.deduction"
SAMPLING = Sampling(temperature=0.8)
PLAN = SamplePlan(samples=4, prompt=STUDENT, limits=Limits())


class Instant(asyncio.Protocol):
    """One kept-open connection, answered from a table of solutions."""

    def __init__(self, solutions: dict[str, list[str]]) -> None:
        """Keep what solves which problem."""
        self.solutions, self.data = solutions, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way back."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer each request that has come whole."""
        self.data += data
        while (end := self.data.find(b"\r\n\r\n")) >= 0:
            _, _, rest = self.data[:end].lower().partition(b"content-length:")
            end += 4 + int(rest.partition(b"\r\n")[0] or 0)
            if len(self.data) < end:
                return
            body = self.data[:end].partition(b"\r\n\r\n")[2]
            self.data = self.data[end:]
            self.transport.write(_framed(self.answer(json.loads(body)) if body else _LIST))

    def answer(self, asked: dict[str, list[dict[str, str]]]) -> dict[str, object]:
        """Return the next call of the problem's solution, as a chat completion."""
        messages = asked["messages"]
        step = sum(message["role"] == "assistant" for message in messages)
        solution = self.solutions[messages[1]["content"]]
        message = {"role": "assistant", "content": solution[step]}
        return {
            "model": "instant",
            "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
            "usage": {"prompt_tokens": 300, "completion_tokens": 20, "total_tokens": 320},
        }


_LIST = {"object": "list", "data": [{"id": "instant"}]}


def _framed(value: object) -> bytes:
    data = json.dumps(value).encode()
    head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: "
    return f"{head}{len(data)}\r\n\r\n".encode() + data


async def _serve(solutions: dict[str, list[str]]) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Instant(solutions), "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def problems(count: int) -> list[Problem]:
    """Return problems of depth 1, whose chains have about three calls."""
    generate = find_task(TASK).generate
    assert generate is not None
    return [generate({"max_depth": 1}, 5, "train", index) for index in range(count)]


@contextmanager
def serving(some: list[Problem]) -> Iterator[str]:
    """Serve the oracle's chains in a process of its own; yields the endpoint."""
    task = find_task(TASK)
    os.environ["NO_PROXY"] = "127.0.0.1"
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder) / "solutions.json"
        table.write_text(json.dumps({p.text: list(task.oracle(p)) for p in some}))
        command = [sys.executable, "-m", "benchmarks.server", str(table)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            try:
                assert process.stdout is not None
                yield f"http://127.0.0.1:{int(process.stdout.readline())}/v1"
            finally:
                process.terminate()


def run(count: int = 150) -> Row:
    """Sample chains through the engine, and send the same bodies with the client alone."""
    some = problems(count)
    with serving(some) as endpoint:
        listening = Listening(some)
        expected = sample_chains(some, listening, PLAN)
        bodies = listening.bodies

        def ours() -> None:
            chains = sample_chains(some, _engine(endpoint), PLAN)
            assert _replies(chains) == _replies(expected)

        def bare() -> None:
            asyncio.run(_post(endpoint, bodies))

        own, other, ratio = paired(ours, bare, repeats=3)
    name = f"{AT_ONCE} requests at once, {len(some) * PLAN.samples:,} chains"
    figure = f"{own / len(bodies) * 1000:.2f} ms/request"
    return name, figure, f"httpx2 alone {other / len(bodies) * 1000:.2f} ms/request", ratio


def _engine(endpoint: str) -> OpenAIEngine:
    return OpenAIEngine(endpoint=endpoint, model="instant", sampling=SAMPLING, concurrency=AT_ONCE)


class Listening:
    """The oracle, listened to: what a server would be sent for its chains."""

    def __init__(self, some: list[Problem]) -> None:
        """Solve these problems."""
        self.oracle = OracleEngine(some)
        self.identity: Mapping[str, str] = self.oracle.identity
        self.bodies: list[bytes] = []

    def run(self, requests: Sequence[Request], on_reply: OnReply) -> None:
        """Answer every request, and keep its body."""
        form = Form()

        def heard(request: Request, reply: Reply) -> Request | None:
            self.bodies.append(
                form.body(request, model="instant", sampling=SAMPLING, tokens=96, seed=1)
            )
            return on_reply(request, reply)

        self.oracle.run(requests, heard)


def _replies(chains: Sequence[Chain]) -> list[list[str]]:
    return [[turn.reply for turn in chain.turns] for chain in chains]


async def _post(endpoint: str, bodies: list[bytes]) -> None:
    waiting, verify = iter(bodies), tls()

    async def work() -> None:
        async with connection(verify) as client:
            for body in waiting:
                await fetch(client, f"{endpoint}/chat/completions", body, 60)

    async with asyncio.TaskGroup() as workers:
        for _ in range(AT_ONCE):
            workers.create_task(work())


if __name__ == "__main__":
    asyncio.run(_serve(json.loads(Path(sys.argv[1]).read_text())))
