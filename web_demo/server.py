"""Serves the built page and artifact folders on 127.0.0.1, and nothing outside them."""

from __future__ import annotations

import errno
import os
import re
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socket import socket
from typing import Any
from urllib.parse import unquote, urlsplit

from web_demo.artifacts import find_artifacts, index_json, inside
from web_demo.site import build_site, built_page

__all__ = ["build_site", "find_artifacts", "running", "serve"]

# The same policy stands in index.html, for static sites. TensorFlow.js needs two exceptions:
# 'wasm-unsafe-eval' compiles WebAssembly, and its threads are workers made from blobs.
POLICY = (
    "default-src 'self'; script-src 'self' 'wasm-unsafe-eval' blob:; worker-src 'self' blob:; "
    "object-src 'none'; base-uri 'none'; form-action 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY
    + "; frame-ancestors 'none'",  # a meta element cannot say the last
    # Together these isolate the page, which threads in WebAssembly require.
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}
# The table of the operating system may call .js text/plain.
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".json": "application/json",
    ".wasm": "application/wasm",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".txt": "text/plain; charset=utf-8",
    ".md": "text/markdown; charset=utf-8",
}
OUR_HOST = re.compile(r"(127\.0\.0\.1|localhost)(:\d+)?", re.IGNORECASE)


class Server(ThreadingHTTPServer):
    """A server that knows what it may hand out."""

    daemon_threads = True
    # On Windows this option would let two servers share a port.
    allow_reuse_address = os.name != "nt"

    def __init__(self, port: int, page: Path, artifacts: Mapping[str, Path]) -> None:
        self.page = page
        self.artifacts = dict(artifacts)
        self.index = index_json(artifacts)
        super().__init__(("127.0.0.1", port), Answer)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/"

    def handle_error(self, request: socket | tuple[bytes, socket], client_address: Any) -> None:
        # A browser that closes a tab drops its connections; that is no error.
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class Answer(BaseHTTPRequestHandler):
    """Answers GET and HEAD; every other method gets 501 from the base class."""

    server: Server
    protocol_version = "HTTP/1.1"
    server_version = "genotype-zoo"
    sys_version = ""

    def do_GET(self) -> None:
        found = self._find()
        if isinstance(found, HTTPStatus):
            self._refuse(found)
        else:
            self._send(HTTPStatus.OK, *found)

    do_HEAD = do_GET

    def _find(self) -> tuple[bytes, str] | HTTPStatus:
        """The body and its type, or the status that refuses it."""
        if not self._is_for_us():
            return HTTPStatus.FORBIDDEN
        path = unquote(urlsplit(self.path).path).lstrip("/")
        if "\\" in path or "\0" in path:
            return HTTPStatus.NOT_FOUND
        if path == "models/index.json":
            return self.server.index, TYPES[".json"]
        folder, path = self._folder(path)
        if folder is None:
            return HTTPStatus.NOT_FOUND
        try:
            file = inside(folder, path)
            if file is None:
                return HTTPStatus.FORBIDDEN
            body = file.read_bytes()
        except OSError:
            # A folder, no file at all, or a name that no file can have.
            return HTTPStatus.NOT_FOUND
        return body, TYPES.get(file.suffix.lower(), "application/octet-stream")

    def _folder(self, path: str) -> tuple[Path | None, str]:
        first, _, rest = path.partition("/")
        if first != "models":
            return self.server.page, path or "index.html"
        name, _, rest = rest.partition("/")
        return self.server.artifacts.get(name), rest

    def _is_for_us(self) -> bool:
        """Foreign pages may point a name of theirs here (DNS rebinding); the Host header tells."""
        return OUR_HOST.fullmatch(self.headers.get("Host", "")) is not None

    def _refuse(self, status: HTTPStatus) -> None:
        self._send(status, f"{status.value} {status.phrase}\n".encode(), TYPES[".txt"])

    def _send(self, status: HTTPStatus, body: bytes, kind: str) -> None:
        self.send_response(status)
        for name, value in HEADERS.items():
            self.send_header(name, value)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Requests are not news; the terminal belongs to the address."""


def serve(artifacts: Mapping[str, Path], port: int = 8000, page: Path | None = None) -> Server:
    """A server that holds its port; `serve_forever()` starts it, `url` is its address.

    Port 0 takes a free one.
    """
    page = built_page(page)
    try:
        return Server(port, page, artifacts)
    except OverflowError:
        raise OSError(f"{port} is no port: choose one from 0 to 65535 with --port") from None
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise OSError(
                f"port {port} of 127.0.0.1 is taken: choose another one with --port"
            ) from None
        raise OSError(
            f"port {port} of 127.0.0.1 cannot be opened ({error.strerror}): choose another one "
            "with --port"
        ) from None


@contextmanager
def running(server: Server) -> Iterator[Server]:
    """The server, answering in the background until the block ends."""
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
