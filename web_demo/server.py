"""Serve the built page, artifact folders and reports of searches on 127.0.0.1, and nothing else."""

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
from web_demo.runs import EVENTS, REPORT, changes, reports_of
from web_demo.site import build_site, built_page

__all__ = ["build_site", "find_artifacts", "running", "serve"]

# Also in index.html, for static sites. Three exceptions: 'wasm-unsafe-eval' compiles WebAssembly,
# TensorFlow.js starts threads from blobs, and the drawing of an opened file is a blob.
POLICY = (
    "default-src 'self'; script-src 'self' 'wasm-unsafe-eval' blob:; worker-src 'self' blob:; "
    "img-src 'self' blob:; object-src 'none'; base-uri 'none'; form-action 'none'"
)
# frame-ancestors is not supported in a meta element.
PAGE_POLICY = POLICY + "; frame-ancestors 'none'"
# A report of `search run` is one file; its own policy, and the page may show it.
REPORT_POLICY = (
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)
HEADERS = {
    "Content-Security-Policy": PAGE_POLICY,
    # Cross-origin isolation, which WebAssembly threads require.
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}
# The mimetypes of the operating system may map .js to text/plain.
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".json": "application/json",
    ".wasm": "application/wasm",
    ".svg": "image/svg+xml",
    ".webmanifest": "application/manifest+json",
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".txt": "text/plain; charset=utf-8",
    ".md": "text/markdown; charset=utf-8",
}
OUR_HOST = re.compile(r"(127\.0\.0\.1|localhost)(:\d+)?", re.IGNORECASE)


class Server(ThreadingHTTPServer):
    """A server for one page, its artifacts, and the reports of runs."""

    daemon_threads = True
    # On Windows this option would let two servers share a port.
    allow_reuse_address = os.name != "nt"

    def __init__(self, port: int, page: Path, artifacts: Mapping[str, Path],
                 runs: Mapping[str, Path]) -> None:
        self.page = page
        self.artifacts = dict(artifacts)
        self.runs = dict(runs)
        self.index = index_json(artifacts, reports_of(artifacts, runs))
        self.closed = threading.Event()
        super().__init__(("127.0.0.1", port), Answer)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/"

    def server_close(self) -> None:
        """Also end the connections that wait for a run to change."""
        if hasattr(self, "closed"):  # not if the port was taken
            self.closed.set()
        super().server_close()

    def handle_error(self, request: socket | tuple[bytes, socket], client_address: Any) -> None:
        # Closing a tab drops its connections.
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class Answer(BaseHTTPRequestHandler):
    """Handles GET and HEAD; the base class answers other methods with 501."""

    server: Server
    protocol_version = "HTTP/1.1"
    server_version = "genotype-zoo"
    sys_version = ""

    def do_GET(self) -> None:
        found = self._find()
        if isinstance(found, HTTPStatus):
            self._refuse(found)
        elif isinstance(found, Path):
            self._announce(found)
        else:
            self._send(HTTPStatus.OK, *found)

    do_HEAD = do_GET

    def _find(self) -> tuple[bytes, str] | Path | HTTPStatus:
        """The body and its type, a run whose changes are asked for, or the status of the
        refusal."""
        if not self._is_for_us():
            return HTTPStatus.FORBIDDEN
        path = unquote(urlsplit(self.path).path).lstrip("/")
        if "\\" in path or "\0" in path:
            return HTTPStatus.NOT_FOUND
        if path == "models/index.json":
            return self.server.index, TYPES[".json"]
        if path.startswith("runs/") and path.endswith(f"/{EVENTS}"):
            run = self.server.runs.get(path.split("/")[1])
            return run if run and path.count("/") == 2 else HTTPStatus.NOT_FOUND
        folder, path = self._folder(path)
        if folder is None:
            return HTTPStatus.NOT_FOUND
        try:
            file = inside(folder, path)
            if file is None:
                return HTTPStatus.FORBIDDEN
            body = file.read_bytes()
        except OSError:
            # A folder, a missing file, or an invalid name.
            return HTTPStatus.NOT_FOUND
        return body, TYPES.get(file.suffix.lower(), "application/octet-stream")

    def _folder(self, path: str) -> tuple[Path | None, str]:
        first, _, rest = path.partition("/")
        if first not in ("models", "runs"):
            return self.server.page, path or "index.html"
        name, _, rest = rest.partition("/")
        if first == "models":
            return self.server.artifacts.get(name), rest
        return (self.server.runs.get(name) if rest == REPORT else None), rest

    def _is_for_us(self) -> bool:
        """Whether the Host header is ours; others may come from DNS rebinding."""
        return OUR_HOST.fullmatch(self.headers.get("Host", "")) is not None

    def _refuse(self, status: HTTPStatus) -> None:
        self._send(status, f"{status.value} {status.phrase}\n".encode(), TYPES[".txt"])

    def _send(self, status: HTTPStatus, body: bytes, kind: str) -> None:
        self._begin(status, kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _announce(self, run: Path) -> None:
        """Send an event whenever a run changes, until the server or the page is closed."""
        self._begin(HTTPStatus.OK, "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            for event in changes(run, self.server.closed):
                self.wfile.write(event)

    def _begin(self, status: HTTPStatus, kind: str) -> None:
        self.send_response(status)
        is_report = self.path.startswith("/runs/") and status == HTTPStatus.OK
        own = {"Content-Security-Policy": REPORT_POLICY} if is_report else {}
        for name, value in {**HEADERS, **own, "Content-Type": kind}.items():
            self.send_header(name, value)

    def log_message(self, format: str, *args: object) -> None:
        """Do not log requests: the terminal shows the address."""


def serve(artifacts: Mapping[str, Path], port: int = 8000, page: Path | None = None,
          runs: Mapping[str, Path] | None = None) -> Server:
    """A server bound to `port`, with its address in `url`; `serve_forever()` starts it.

    The report of each of `runs` is at runs/NAME/report.html.  Port 0 selects a free port.  Raises
    OSError if the port is taken or invalid.
    """
    page = built_page(page)
    try:
        return Server(port, page, artifacts, runs or {})
    except OverflowError:
        raise OSError(f"{port} is not a port: choose one from 0 to 65535 with --port") from None
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
    """Run the server in the background until the block ends."""
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
