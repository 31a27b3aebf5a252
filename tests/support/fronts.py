"""HTTP servers of the standard library before the lab: other people's HTTP and TLS, with quirks that a test wants."""

from __future__ import annotations

import base64
import contextlib
import http.client
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit


@dataclass
class Front:
    """Forwards every POST to the lab at `url`, unless a quirk says otherwise; `seen` are (request line, headers)."""

    url: str
    tls: object = None
    login: str = ""
    old: bool = False
    statuses: list = field(default_factory=list)
    seen: list = field(default_factory=list)
    port: int = 0

    @contextlib.contextmanager
    def serving(self):
        server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        server.handle_error = lambda *_: None  # a client that breaks off its handshake is no news
        if self.tls is not None:
            server.socket = self.tls.wrap_socket(server.socket, server_side=True)
        self.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            server.shutdown()
            server.server_close()
            thread.join()

    def _handler(front):  # noqa: N805 - the handler's self is another
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.0" if front.old else "HTTP/1.1"
            timeout = 10

            def do_POST(self):
                front.seen.append((self.requestline, self.headers))
                body = self.rfile.read(int(self.headers["Content-Length"]))
                self.answer(*front.answer_to(self, body))

            def answer(self, status, headers, body):
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        return Handler

    def answer_to(self, request, body):
        expected = f"Basic {base64.b64encode(self.login.encode()).decode()}"
        if self.login and request.headers.get("Authorization") != expected:
            return 401, {"WWW-Authenticate": 'Basic realm="cmp"'}, b"who are you?"
        if self.old and (request.request_version != "HTTP/1.0" or not request.path.startswith("http://")):
            return 400, {"Content-Type": "text/plain"}, b"what?"
        if self.statuses:
            return self.statuses.pop(0), {}, b""
        return 200, {"Content-Type": "application/pkixcmp"}, self.forwarded(body)

    def forwarded(self, body):
        parts = urlsplit(self.url)
        lab = http.client.HTTPConnection(parts.hostname, parts.port, timeout=10)
        try:
            lab.request("POST", "/", body, {"Content-Type": "application/pkixcmp"})
            return lab.getresponse().read()
        finally:
            lab.close()
