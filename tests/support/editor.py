"""An editor's half of the Language Server Protocol, as far as tests of schemas need it: over stdio, one at a time."""

from __future__ import annotations

import json
import os
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SETTINGS = {"yaml": {"validate": True, "hover": True, "completion": True, "schemaStore": {"enable": False}}}
"""Nothing is fetched: the schema is the one that the file's own first line names."""


class Editor:
    """Talks to a language server whose process is running."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._last = 0
        self._diagnostics: dict[str, list[dict[str, Any]]] = {}

    def start(self, folder: Path) -> None:
        """Say hello."""
        capabilities = {"textDocument": {"hover": {"contentFormat": ["markdown"]}, "publishDiagnostics": {}}}
        self.ask(
            "initialize",
            {"processId": os.getpid(), "rootUri": folder.as_uri(), "capabilities": capabilities},
        )
        self._tell("initialized", {})
        self._tell("workspace/didChangeConfiguration", {"settings": SETTINGS})

    def open(self, file: Path, text: str) -> str:
        """Show a text as a file's; its URI."""
        uri = file.as_uri()
        document = {"uri": uri, "languageId": "yaml", "version": 1, "text": text}
        self._tell("textDocument/didOpen", {"textDocument": document})
        return uri

    def diagnostics(self, file: Path, text: str) -> list[str]:
        """`line:column message` of everything that is wrong with a file of that text."""
        uri = self.open(file, text)
        while uri not in self._diagnostics:
            self._hear()
        return [
            f"{each['range']['start']['line'] + 1}:{each['range']['start']['character'] + 1} {each['message']}"
            for each in self._diagnostics.pop(uri)
        ]

    def hover(self, uri: str, line: int, character: int) -> str:
        """What is shown about the word there (counted from 1)."""
        answer = self.ask("textDocument/hover", self._at(uri, line, character))
        return "" if answer is None else str(answer["contents"]["value"])

    def completions(self, uri: str, line: int, character: int) -> dict[str, str]:
        """What may be written there → what is said about it."""
        answer = self.ask("textDocument/completion", self._at(uri, line, character))
        items = answer["items"] if isinstance(answer, dict) else answer
        return {each["label"]: _words(each.get("documentation", "")) for each in items}

    def _at(self, uri: str, line: int, character: int) -> dict[str, Any]:
        return {"textDocument": {"uri": uri}, "position": {"line": line - 1, "character": character - 1}}

    def ask(self, method: str, params: dict[str, Any]) -> Any:
        """Send a request, and wait for its result."""
        self._last += 1
        self._send({"id": self._last, "method": method, "params": params})
        while True:
            message = self._hear()
            if message.get("id") == self._last and "method" not in message:
                if "error" in message:
                    raise AssertionError(message["error"])
                return message["result"]

    def _tell(self, method: str, params: dict[str, Any]) -> None:
        self._send({"method": method, "params": params})

    def _send(self, message: dict[str, Any]) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        assert self._process.stdin is not None
        self._process.stdin.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        self._process.stdin.flush()

    def _hear(self) -> dict[str, Any]:
        """The next message; questions of the server are answered, diagnostics kept."""
        message = self._read()
        if message.get("method") == "textDocument/publishDiagnostics":
            self._diagnostics[message["params"]["uri"]] = message["params"]["diagnostics"]
        elif "method" in message and "id" in message:
            wanted = message["params"].get("items", ()) if isinstance(message.get("params"), dict) else ()
            result = [SETTINGS.get(each.get("section", "")) for each in wanted] if wanted else None
            self._send({"id": message["id"], "result": result})
        return message

    def _read(self) -> dict[str, Any]:
        stream, length = self._process.stdout, 0
        assert stream is not None
        while (line := stream.readline()) not in (b"\r\n", b""):
            name, _, value = line.partition(b":")
            length = int(value) if name.lower() == b"content-length" else length
        body = stream.read(length)
        if not body:
            raise AssertionError("the language server has ended")
        message: dict[str, Any] = json.loads(body)
        return message


def _words(documentation: Any) -> str:
    return str(documentation["value"] if isinstance(documentation, dict) else documentation)


@contextmanager
def editor(program: str, folder: Path) -> Iterator[Editor]:
    """An editor with a file open nowhere yet; the server ends with it."""
    command = [program, "--stdio"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        try:
            talking = Editor(process)
            talking.start(folder)
            yield talking
        finally:
            process.kill()
