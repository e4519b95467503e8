"""Requests over HTTP, bounded in time and size.

One client is one connection, kept open: the library's pools look through all their connections at
each request, which takes longer than all else when there are hundreds. TLS is verified against the
system's store or SSL_CERT_FILE, proxies come from the environment, redirects are not followed: the
key goes to nobody but the endpoint.
"""

from __future__ import annotations

import asyncio
import functools
import json
import os
import re
import socket
import ssl
from typing import TYPE_CHECKING, Any

from fcpref import __version__
from fcpref.errors import EndpointError
from fcpref.shell.engines.openai_wire import RefusalError, api_key, one_line, refused

if TYPE_CHECKING:
    from collections.abc import Iterator

    from httpx2 import URL, AsyncClient, Response

_LARGEST = 1_000_000
# Seconds without a request; uvicorn closes a connection after 5, which a request may just meet.
_KEPT_OPEN = 4.0
# How the library says that a connection ended early; its other words are about broken HTTP.
_ENDED = re.compile("disconnected|closed")
# Seconds for a connection, and as many for TLS: a host that is not there may drop packets, and a
# server that speaks no TLS may wait for what it understands.
_CONNECT = 15.0
_GOOD = range(200, 300)
_START = "start the server, or correct the endpoint"


def tls() -> ssl.SSLContext:
    """Return what certificates are verified with; made once, since it takes a while.

    Raises:
        EndpointError: the environment names certificates that are none.
    """
    import httpx2

    try:
        return httpx2.create_ssl_context()
    except OSError as error:  # ssl's own errors too
        raise EndpointError(
            f"certificates cannot be read ({error.strerror or error}); correct SSL_CERT_FILE or "
            "SSL_CERT_DIR"
        ) from None


def connection(verify: ssl.SSLContext) -> AsyncClient:
    """Return a client with one connection, which sends the API key.

    Raises:
        EndpointError: no header can carry the key, or the environment names a proxy that is none.
    """
    import httpx2

    headers = {
        "Authorization": f"Bearer {api_key()}",
        "Content-Type": "application/json",
        # An answer is a few hundred bytes; unpacking would take longer than sending them.
        "Accept-Encoding": "identity",
        "User-Agent": f"fcpref/{__version__}",
    }
    limits = httpx2.Limits(max_connections=1, keepalive_expiry=_KEPT_OPEN)
    # Once it is connected, `fetch` limits the whole request; this would limit the gaps in it.
    patience = httpx2.Timeout(None, connect=_CONNECT)
    try:
        return httpx2.AsyncClient(verify=verify, limits=limits, timeout=patience, headers=headers)
    except (ImportError, ValueError, httpx2.InvalidURL) as error:
        raise EndpointError(
            f"a proxy of the environment cannot be used ({one_line(str(error))}); correct "
            "HTTP_PROXY, HTTPS_PROXY or ALL_PROXY"
        ) from None


async def fetch(client: AsyncClient, url: str, body: bytes | None, limit: float) -> Any:  # noqa: ANN401 - what JSON holds
    """Send a request and return the JSON value of the answer.

    Args:
        client: a `connection`.
        url: where to.
        body: JSON to be posted; None gets.
        limit: seconds until the last byte.

    Raises:
        RefusalError: anything but a JSON answer of at most 1 MB with a good status.
    """
    import httpx2

    method = "GET" if body is None else "POST"
    data = bytearray()
    try:
        async with (
            asyncio.timeout(limit),
            client.stream(method, _parsed(url), content=body) as response,
        ):
            async for chunk in response.aiter_bytes():
                data += chunk
                if len(data) > _LARGEST:
                    break
    except TimeoutError:
        advice = "allow more time for a request, or lower the concurrency"
        what = f"timed out after {limit:g} s"
        raise RefusalError(what, advice, passing=True, lost=True, late=True) from None
    except httpx2.ConnectTimeout:
        what = f"did not accept a connection within {_CONNECT:g} s"
        advice = f"{_START}: http or https, host and port"
        raise RefusalError(what, advice, passing=True) from None
    except httpx2.DecodingError:
        raise RefusalError("answered with something that cannot be unpacked", status=200) from None
    except httpx2.InvalidURL as error:
        raise RefusalError(f"is no address ({one_line(str(error))})", _START) from None
    except (httpx2.HTTPError, httpx2.StreamError) as error:
        raise _lost(error) from None
    if response.status_code not in _GOOD:
        raise refused(response.status_code, response.headers, bytes(data))
    return _value(response, data)


@functools.lru_cache(maxsize=8)
def _parsed(url: str) -> URL:
    import httpx2

    return httpx2.URL(url)


def _value(response: Response, data: bytearray) -> object:
    if len(data) > _LARGEST:
        raise RefusalError("answered with more than 1 MB", status=200)
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        kind = response.headers.get("content-type", "").partition(";")[0].strip()
        other = f" but {one_line(kind)}" if kind and "json" not in kind else ""
        raise RefusalError(f"answered with something that is not JSON{other}", status=200) from None


def _lost(error: BaseException) -> RefusalError:
    """Say how a connection failed, by the system's own error beneath the library's."""
    import httpx2

    if isinstance(error, httpx2.ProxyError):
        return RefusalError(
            f"cannot be reached through the proxy ({one_line(str(error))})",
            "correct HTTP_PROXY or HTTPS_PROXY, or name the host in NO_PROXY",
            passing=True,
        )
    unsent = isinstance(error, httpx2.ConnectError)
    what, advice = "dropped the connection", _START
    for cause in _causes(error):
        if isinstance(cause, socket.gaierror):
            what = f"cannot be reached ({cause.strerror})"
        elif isinstance(cause, ssl.SSLError):
            what = f"cannot be reached over TLS ({one_line(str(cause.reason or cause))})"
        elif isinstance(cause, ConnectionRefusedError):
            what = "cannot be reached (connection refused)"
        elif isinstance(cause, OSError) and cause.errno:
            what = f"dropped the connection ({os.strerror(cause.errno).lower()})"
        elif isinstance(cause, httpx2.RemoteProtocolError) and not _ENDED.search(str(cause)):
            what = "answered with something that is not HTTP"
            advice = "correct the endpoint; if the server speaks TLS, write https://"
        else:
            continue
        break
    return RefusalError(what, advice, passing=True, lost=not unsent)


def _causes(error: BaseException) -> Iterator[BaseException]:
    deeper: BaseException | None = error
    while deeper is not None:
        yield deeper
        if isinstance(deeper, BaseExceptionGroup):
            deeper = deeper.exceptions[0]  # several addresses were tried: the first one's failure
        else:
            deeper = deeper.__cause__ or deeper.__context__
