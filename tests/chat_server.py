"""A chat completions server on this machine that behaves as badly as servers do, and its client."""

from __future__ import annotations

import json
import threading
import time
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from fcpref.core.chains import Message
from fcpref.errors import EndpointError
from fcpref.shell.engines.base import Request, Sampling
from fcpref.shell.engines.openai import OpenAIEngine, Patience

KEY = "sk-very-secret-0123456789"
MODEL = "student"
QUICK = Patience(retries=2, backoff=0.001, request=5, run=30)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # it would hold back bodies, sent after their headers, for 40 ms

    def do_GET(self):
        self.server.behaviour.listing(self)

    def do_POST(self):
        length = int(self.headers["Content-Length"])
        self.server.behaviour.asked(self, json.loads(self.rfile.read(length)))

    def log_message(self, *_):
        pass


class Behaviour:
    """A server that works; the tests override one thing each."""

    models = (MODEL,)

    def __init__(self, *answers):
        self.answers = answers
        self.bodies = []
        self.keys = []
        self.now = self.peak = 0
        self.lock = threading.Lock()

    def listing(self, handler):
        if self.models is None:
            send(handler, {"error": {"message": "no such page"}}, status=404)
        else:
            send(handler, {"object": "list", "data": [{"id": name} for name in self.models]})

    def asked(self, handler, body):
        with self.lock:
            self.bodies.append(body)
            self.keys.append(handler.headers["Authorization"])
            self.now += 1
            self.peak = max(self.peak, self.now)
            answer = self.answers[min(len(self.bodies), len(self.answers)) - 1]
        try:
            with suppress(OSError):
                answer(handler, body)
        finally:
            with self.lock:
                self.now -= 1


def send(handler, value, *, status=200, **headers):
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    handler.send_response(status)
    handler.send_header("Content-Type", "application/json")
    handler.send_header("Content-Length", str(len(data)))
    for name, text in headers.items():
        handler.send_header(name.replace("_", "-"), text)
    handler.end_headers()
    handler.wfile.write(data)


def completion(text, model=MODEL):
    choice = {"index": 0, "message": {"role": "assistant", "content": text}}
    usage = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}
    return {"model": model, "choices": [choice], "usage": usage}


def says(text, model=MODEL):
    return lambda handler, _: send(handler, completion(text, model))


def sends(value, *, status=200, **headers):
    return lambda handler, _: send(handler, value, status=status, **headers)


def drops(handler, _):
    handler.close_connection = True
    handler.connection.close()


def breaks_off(handler, _):
    handler.send_response(200)
    handler.send_header("Content-Length", "100")
    handler.end_headers()
    handler.wfile.write(b'{"choices"')
    handler.wfile.flush()
    drops(handler, None)


def drips(handler, _):
    handler.send_response(200)
    handler.send_header("Content-Length", "100")
    handler.end_headers()
    for _ in range(100):
        handler.wfile.write(b" ")
        handler.wfile.flush()
        time.sleep(0.05)


def waits(seconds):
    def answer(handler, body):
        time.sleep(seconds)
        says("late")(handler, body)

    return answer


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256  # connections that come at once; further ones would be reset
    block_on_close = False

    def handle_error(self, *_):
        pass


@contextmanager
def serving(behaviour):
    server = Server(("127.0.0.1", 0), Handler)
    server.behaviour = behaviour
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def request(job="p/0", step=0, text="Is it so?", **others):
    messages = (Message(role="user", content=text),)
    return Request(job=job, step=step, messages=messages, **others)


def engine(endpoint, **others):
    settings = {"sampling": Sampling(), "patience": QUICK} | others
    return OpenAIEngine(endpoint=endpoint, model=MODEL, **settings)


def ask(behaviour, jobs=1, **settings):
    """Run one request a job and return what came, and the engine."""
    replies = {}

    def on_reply(request, reply):
        replies[request.job] = reply

    with serving(behaviour) as endpoint:
        asking = engine(endpoint, **settings)
        asking.run([request(f"p/{index}") for index in range(jobs)], on_reply)
    return replies, asking


def failure(behaviour, **settings):
    """Run one request that fails and return the error's text."""
    with pytest.raises(EndpointError) as caught:
        ask(behaviour, **settings)
    text = str(caught.value)
    assert "\n" not in text
    assert text.startswith("http://127.0.0.1:")
    return text
