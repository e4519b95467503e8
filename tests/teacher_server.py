"""A teacher behind chat completions whose replies depend on the request alone; runs by itself too.

It is right about half of the time, so that there are pairs: it knows the solutions of the problems
it is asked about, and a hash of the request's seed decides where it goes wrong.
"""

from __future__ import annotations

import hashlib
import json
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from fcpref.core.tasks import find_task

KEY = "sk-very-secret-0123456789"
TASK = find_task("math.word")
KNOWN = 400


class Teacher:
    """What the server knows and how it behaves.

    Attributes:
        solutions: the oracle's calls, by the problem's text.
        asked: the body of each request that was answered, without checks before a run.
        keys: the authorizations that came.
        fail_after: answers before it refuses for good.
        delay: seconds that an answer takes.
    """

    def __init__(self, *, fail_after: int | None = None, delay: float = 0.0) -> None:
        assert TASK.generate is not None
        problems = [TASK.generate({}, 0, "train", index) for index in range(KNOWN)]
        self.solutions = {problem.text: TASK.oracle(problem) for problem in problems}
        self.asked: list[str] = []
        self.keys: set[str] = set()
        self.fail_after, self.delay = fail_after, delay
        self.lock = threading.Lock()

    def reply(self, body: dict) -> str:
        """Return the next call: the oracle's, or one that goes wrong."""
        said = [message["content"] for message in body["messages"]]
        # Before the problem there may be worked examples.
        at, calls = next(
            (place, calls)
            for place in reversed(range(len(said)))
            for text, calls in self.solutions.items()
            if text in said[place]
        )
        step = sum(message["role"] == "assistant" for message in body["messages"][at:])
        noise = hashlib.sha256(f"{body['seed']} {step}".encode()).digest()[0]
        if step >= len(calls) - 1 and noise < 150:
            return f"Answer(value={noise})"
        return calls[step] if step < len(calls) else "Nonsense"


class TeacherHandler(BaseHTTPRequestHandler):
    """Speaks as much of the protocol as the engine needs."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path.endswith("/asked"):
            teacher = self.server.teacher
            self.send({"asked": teacher.asked, "keys": sorted(teacher.keys)})
        else:
            self.send({"object": "list", "data": [{"id": "teacher"}]})

    def do_POST(self):
        data = self.rfile.read(int(self.headers["Content-Length"]))
        if not data:  # the asking side has given up
            return
        teacher = self.server.teacher
        body = json.loads(data)
        # One token is what a check before a run asks for.
        check = body["max_tokens"] == 1
        with teacher.lock:
            full = teacher.fail_after is not None and len(teacher.asked) >= teacher.fail_after
            full = full and not check
            if not full and not check:
                teacher.asked.append(data.decode())
            teacher.keys.add(self.headers["Authorization"])
        if full:
            self.send({"error": {"message": "no credit"}}, status=402)
            return
        time.sleep(teacher.delay)
        text = teacher.reply(body)
        choice = {"index": 0, "message": {"role": "assistant", "content": text}}
        usage = {"prompt_tokens": 11, "completion_tokens": len(text), "total_tokens": 18}
        self.send({"model": "teacher", "choices": [choice], "usage": usage})

    def send(self, value, status=200):
        data = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


def teacher(**behaviour) -> Teacher:
    """Return a teacher that behaves so."""
    return Teacher(**behaviour)


def main() -> None:
    """Serve until the end of standard input, having said the port.

    Arguments: the delay of an answer in seconds, and the answers before it refuses, if it does.
    """
    server = ThreadingHTTPServer(("127.0.0.1", 0), TeacherHandler)
    limits = [int(text) for text in sys.argv[2:]]
    server.teacher = Teacher(delay=float(sys.argv[1]), fail_after=limits[0] if limits else None)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdout.write(f"{server.server_port}\n")
    sys.stdout.flush()
    sys.stdin.read()


if __name__ == "__main__":
    main()
