"""The openai engine against servers that break HTTP, stall, flood, lie, or send it elsewhere."""

from __future__ import annotations

import gzip
import json
import resource
import shutil
import socket
import ssl
import struct
import subprocess
import threading
import time
import zlib
from contextlib import contextmanager, suppress

import pytest

from fcpref.errors import EndpointError
from fcpref.shell.engines import openai_http
from fcpref.shell.engines.openai import Patience
from tests.chat_server import (
    KEY,
    Behaviour,
    ask,
    completion,
    engine,
    failure,
    request,
    says,
    send,
    sends,
    serving,
    waits,
)

ONCE = Patience(retries=0, request=5)
IMPATIENT = Patience(retries=0, request=0.2)
JSON = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
MEGABYTE = 1_000_000


def read_request(peer):
    """Read all of a request: closing a socket with something left to read would reset it."""
    got = b""
    while b"\r\n\r\n" not in got:
        got += peer.recv(65_536)
    head, _, body = got.partition(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r")[0])
    while len(body) < length:
        body += peer.recv(65_536)


@contextmanager
def socket_server(answer):
    """Accept connections, read one request of each, and let `answer` have the socket."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve():
            while True:
                try:
                    peer, _ = listening.accept()
                except OSError:
                    return
                with suppress(OSError), peer:
                    read_request(peer)
                    answer(peer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/v1"
        listening.shutdown(socket.SHUT_RDWR)
        thread.join()


def refusal(answer, patience=ONCE):
    """Return what is said of a server that answers so, without its address."""
    with socket_server(answer) as endpoint, pytest.raises(EndpointError) as caught:
        engine(endpoint, patience=patience).run([request()], lambda *_: None)
    text = str(caught.value)
    assert "\n" not in text
    assert text.startswith(endpoint)
    assert len(text) < 500
    return text.removeprefix(endpoint).strip()


def writes(*parts, pause=0.0):
    def answer(peer):
        for part in parts:
            peer.sendall(part)
            time.sleep(pause)

    return answer


def resets(peer):
    peer.sendall(JSON + b'Content-Length: 100\r\n\r\n{"choices": [')
    time.sleep(0.05)
    # Closing with a linger of 0 seconds sends a reset.
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (writes(), "dropped the connection"),
        (writes(b"HTTP/1.1 20"), "dropped the connection"),
        (writes(JSON + b'Content-Length: 100\r\n\r\n{"choices"'), "dropped the connection"),
        (writes(JSON + b"Transfer-Encoding: chunked\r\n\r\n20\r\n{"), "dropped the connection"),
        (writes(JSON + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{"), "is not HTTP"),
        (resets, "dropped the connection (connection reset by peer)"),
        (writes(b"SSH-2.0-OpenSSH_9.6\r\n\r\n"), "is not HTTP"),
        (writes(b"\x15\x03\x01\x00\x02\x02\x46\r\n\r\n"), "is not HTTP"),
        (writes(JSON + b"X: \x00\r\n\r\n"), "is not HTTP"),
        (writes(JSON + b"X: " + b"x" * 500_000), "is not HTTP"),
        (writes(b"HTTP/1.1 200 OK\r\n\r\n\xff\xfe\x00"), "is not JSON"),
    ],
)
def test_what_breaks_the_protocol_is_one_sentence(answer, said):
    assert said in refusal(answer)


@pytest.mark.parametrize(
    "answer",
    [
        writes(b"", pause=0.6),
        writes(b"HTTP/1.1 200 OK\r\n", b"", pause=0.4),
        writes(JSON + b"Content-Length: 100\r\n\r\n", b"{", pause=0.4),
        writes(*(bytes([byte]) for byte in JSON), pause=0.02),
        writes(JSON + b"\r\n", *[b" "] * 50, pause=0.02),
    ],
    ids=["silent", "in-headers", "in-body", "headers-drip", "body-drips"],
)
def test_a_server_that_stalls_is_waited_for_no_longer_than_asked(answer):
    start = time.monotonic()
    assert "timed out after 0.2 s" in refusal(answer, IMPATIENT)
    assert time.monotonic() - start < 3


def test_a_server_that_never_shakes_hands_is_given_up_before_the_request_is(monkeypatch):
    monkeypatch.setattr(openai_http, "_CONNECT", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        endpoint = f"https://127.0.0.1:{listening.getsockname()[1]}/v1"
        with pytest.raises(EndpointError, match=r"within 0\.2 s; .* http or https"):
            engine(endpoint, patience=Patience(request=60)).check([request()])


def test_what_timed_out_is_asked_again_over_another_connection():
    behaviour = Behaviour(waits(1), says("fine"))
    replies, asking = ask(behaviour, patience=Patience(retries=1, backoff=0, request=0.4))
    assert replies["p/0"].text == "fine"
    assert asking.usage.retries == 1


def test_a_reply_of_ten_megabytes_is_given_up_early():
    sent = []

    def floods(peer):
        peer.sendall(JSON + b"Content-Length: 10000000\r\n\r\n")
        for _ in range(100):  # one after the other, as long as somebody reads
            peer.sendall(b" " * 100_000)
            sent.append(100_000)

    assert "more than 1 MB" in refusal(floods)
    assert sum(sent) < 9 * MEGABYTE


def bomb(size):
    """Return gzip data that unpacks to so many blanks."""
    packer = zlib.compressobj(9, wbits=31)
    parts = [packer.compress(b" " * MEGABYTE) for _ in range(size // MEGABYTE)]
    return b"".join([*parts, packer.flush()])


def test_a_gzip_bomb_is_not_unpacked():
    data = bomb(100 * MEGABYTE)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert "more than 1 MB" in failure(Behaviour(sends(data, Content_Encoding="gzip")))
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 60_000  # kilobytes


def test_a_gzipped_reply_that_was_not_asked_for_is_read():
    data = gzip.compress(json.dumps(completion("Add(a=1)")).encode())
    replies, _ = ask(Behaviour(sends(data, Content_Encoding="gzip")))
    assert replies["p/0"].text == "Add(a=1)"


@pytest.mark.parametrize("data", [b"nonsense", gzip.compress(b"{}" * 100, mtime=0)[:20], b""])
def test_what_only_claims_to_be_gzip_is_one_sentence(data):
    text = failure(Behaviour(sends(data, Content_Encoding="gzip")), patience=ONCE)
    assert "cannot be unpacked" in text or "is not JSON" in text


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b'{"choices": [{"message": {"content": "\xff\xfe"}}]}', "is not JSON"),
        (b'{"choices": [{"message": {"content": "cut', "is not JSON"),
        (b'{"choices": {"0": {"message": {"content": "x"}}}}', "no choices"),
        (b'{"choices": [{"message": {"content": ["x"]}}]}', None),
        (b'{"choices": [null]}', "no choices"),
        (b"null", "no choices"),
        (b'"text"', "no choices"),
        (b"NaN", "no choices"),
    ],
)
def test_the_wrong_schema_is_told_or_read_as_nothing_said(data, said):
    behaviour = Behaviour(sends(data))
    if said is None:
        replies, _ = ask(behaviour)
        assert replies["p/0"].text == ""
    else:
        assert said in failure(behaviour)
        assert len(behaviour.bodies) == 1


@pytest.mark.parametrize(
    ("kind", "data", "said"),
    [
        ("text/html; charset=utf-8", b"<html>", "is not JSON but text/html"),
        ("text/event-stream", b"data: {}\n\n", "is not JSON but text/event-stream"),
        ("x" * 300, b"<html>", "is not JSON but xxx"),
    ],
)
def test_a_wrong_content_type_is_named(kind, data, said):
    def answer(peer):
        head = f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {len(data)}\r\n\r\n"
        peer.sendall(head.encode() + data)

    assert said in refusal(answer)


def test_json_is_read_whatever_type_it_is_said_to_have():
    def answer(handler, _):
        data = json.dumps(completion("fine")).encode()
        handler.send_response(200)
        handler.send_header("Content-Type", "text/plain")
        handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        handler.wfile.write(data)

    replies, _ = ask(Behaviour(answer))
    assert replies["p/0"].text == "fine"


@pytest.mark.parametrize("status", [301, 302, 307, 308])
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_redirect_is_told_and_takes_the_key_nowhere(status, host):
    trap = Behaviour(says("gotcha"))
    with serving(trap) as elsewhere:
        target = elsewhere.replace("127.0.0.1", host) + "/chat/completions"
        behaviour = Behaviour(sends(b"", status=status, Location=f"{target}?secret={KEY}"))
        text = failure(behaviour)
    assert f"answered {status}, a redirect to {target}; " in text
    assert "secret" not in text
    assert trap.keys == []
    assert len(behaviour.bodies) == 1


@pytest.mark.parametrize(
    "usage",
    [
        {"prompt_tokens": -5, "completion_tokens": 7},
        {"prompt_tokens": 5, "completion_tokens": -7},
        {"prompt_tokens": "5", "completion_tokens": "7"},
        {"prompt_tokens": 5.5, "completion_tokens": 7},
        {"prompt_tokens": 5, "completion_tokens": None},
        {"prompt_tokens": 5, "completion_tokens": 10**30},
        [],
        "many",
    ],
)
def test_counts_that_are_none_are_replaced_by_guesses_that_grow_with_the_texts(usage):
    short, _ = ask(Behaviour(sends(completion("x" * 40) | {"usage": usage})))
    long, asking = ask(Behaviour(sends(completion("x" * 400) | {"usage": usage})))
    assert (short["p/0"].tokens, long["p/0"].tokens) == (11, 101)
    assert asking.usage.completion_tokens == 101
    assert 30 < asking.usage.prompt_tokens < 80


def test_an_error_of_ten_megabytes_is_cut():
    text = failure(Behaviour(sends(b"x" * 10 * MEGABYTE, status=400)))
    assert "answered 400 (xxx" in text
    assert len(text) < 500


def test_a_key_in_a_long_error_is_taken_out_wherever_it_stands():
    for pad in range(3_960, 4_010, 10):
        text = failure(Behaviour(sends(b" " * pad + KEY.encode(), status=400)))
        assert KEY[:6] not in text


def test_cookies_and_other_headers_of_a_server_harm_nobody():
    def answer(handler, _):
        send(handler, completion("fine"), Set_Cookie="a=b; Domain=example.org", Refresh="0; url=/")

    replies, _ = ask(Behaviour(answer), jobs=3, concurrency=1)
    assert len(replies) == 3


def test_a_server_that_restarts_between_requests_is_reached_again():
    """A connection that the server closed while nobody used it is no failure of the request."""

    def closing(handler, body):
        says("fine")(handler, body)
        handler.close_connection = True  # without a header that says so

    replies, asking = ask(Behaviour(closing), jobs=4, concurrency=1)
    assert len(replies) == 4
    assert asking.usage.requests <= 4 + asking.usage.retries


def test_proxies_come_from_the_environment(monkeypatch):
    seen = []

    def proxy(peer):
        seen.append(True)
        data = json.dumps(completion("by proxy")).encode()
        peer.sendall(JSON + f"Content-Length: {len(data)}\r\n\r\n".encode() + data)

    got = []
    with socket_server(proxy) as address:
        monkeypatch.setenv("HTTP_PROXY", address.removesuffix("/v1"))
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.delenv("no_proxy", raising=False)
        engine("http://server.invalid/v1").run([request()], lambda _, reply: got.append(reply.text))
        assert (got, seen) == (["by proxy"], [True])
        monkeypatch.setenv("NO_PROXY", "server.invalid")
        with pytest.raises(EndpointError, match="cannot be reached"):
            engine("http://server.invalid/v1", patience=ONCE).run([request()], lambda *_: None)
    assert seen == [True]


@pytest.mark.parametrize("proxy", ["socks5://127.0.0.1:1", "ftp://127.0.0.1:1", "http://[::1"])
def test_a_proxy_that_cannot_be_used_is_one_sentence(monkeypatch, proxy):
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.setenv("ALL_PROXY", proxy)
    with pytest.raises(EndpointError, match=r"^a proxy of the environment cannot be used .*; corr"):
        engine("http://server.invalid/v1").check()


def test_a_proxy_that_is_down_is_told_from_the_server(monkeypatch):
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    with pytest.raises(EndpointError, match="cannot be reached"):
        engine("https://server.invalid/v1").check()


@pytest.mark.parametrize("content", [None, b"no certificate"])
def test_certificates_that_are_none_are_one_sentence(monkeypatch, tmp_path, content):
    path = tmp_path / "certificates.pem"
    if content is not None:
        path.write_bytes(content)
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    with pytest.raises(EndpointError, match="correct SSL_CERT_FILE"):
        engine("https://127.0.0.1:1/v1").check()


@pytest.mark.skipif(not shutil.which("openssl"), reason="needs openssl to make a certificate")
def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate = tmp_path / "self-signed.pem"
    make = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=127.0.0.1"]
    done = subprocess.run([*make, "-out", "-", "-keyout", "-"], capture_output=True, check=True)
    certificate.write_bytes(done.stdout)
    context.load_cert_chain(certificate)
    keys = []
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve():
            with suppress(OSError):
                peer, _ = listening.accept()
                with peer, context.wrap_socket(peer, server_side=True) as safe:
                    keys.append(safe.recv(1000))

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        endpoint = f"https://127.0.0.1:{listening.getsockname()[1]}/v1"
        with pytest.raises(EndpointError, match="cannot be reached over TLS"):
            engine(endpoint, patience=ONCE).run([request()], lambda *_: None)
        thread.join()
    assert keys == []
