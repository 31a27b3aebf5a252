"""A CA on loopback that does as a test says: the real lab behind an HTTP server of the standard library.

`behave(lab, request, number)` decides the answer to the number-th request (from 0): octets of a message, or a Reply
for everything that HTTP and a broken wire can do. Every request is kept.
"""

from __future__ import annotations

import socket
import sys
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from runner.lab.authority import open_lab
from runner.pki.certificates import to_pem
from runner.system import SystemClock, SystemEntropy


@dataclass(frozen=True)
class Reply:
    """An answer in HTTP. `claims`: a Content-Length that is not the body's; `hangs_up`: nothing is answered at all."""

    body: bytes = b""
    status: int = 200
    media_type: str = "application/pkixcmp"
    claims: int | None = None
    hangs_up: bool = False


def honestly(lab, request, number):
    """The lab's own answer."""
    return lab.respond(request)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, *given):
        super().__init__(*given)
        self.faults = []

    def handle_error(self, *_):
        """A client may leave at any moment; anything else is a fault of the test."""
        problem = sys.exception()
        if not isinstance(problem, ConnectionError):
            self.faults.append(problem)


class Peer:
    """A lab on loopback while it is entered. `behave` may be changed between runs."""

    def __init__(self, behave=honestly, rules=None):
        options = {} if rules is None else {"rules": rules}
        self.lab = open_lab(None, SystemClock(), SystemEntropy(), **options)
        self.behave = behave
        self.requests = []
        self._server = _Server(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=lambda: self._server.serve_forever(poll_interval=0.01))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/cmp"

    @property
    def ca(self) -> bytes:
        """The lab's certificate, PEM."""
        return to_pem(self.lab.ca_certificate)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(timeout=5)
        assert self._server.faults == []

    def _reply(self, request: bytes) -> Reply:
        self.requests.append(request)
        said = self.behave(self.lab, request, len(self.requests) - 1)
        return said if isinstance(said, Reply) else Reply(said)

    def _handler(peer):  # noqa: N805 - `self` is the handler's, below
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                reply = peer._reply(self.rfile.read(int(self.headers["Content-Length"])))
                self.close_connection = reply.hangs_up or reply.claims is not None
                if reply.hangs_up:
                    return
                self.send_response(reply.status)
                self.send_header("Content-Type", reply.media_type)
                self.send_header("Content-Length", str(len(reply.body) if reply.claims is None else reply.claims))
                self.end_headers()
                self.wfile.write(reply.body)

            def log_message(self, *_):
                """Nothing is printed: what is printed is what tests look at."""

        return Handler


def refused_port() -> int:
    """A port on loopback where nothing listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]
