"""The lab's server, asked by other people's HTTP: http.client, curl, and octets by hand."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import shutil
import socket
import subprocess

import pytest

from runner.errors import BadInput, Refused
from runner.serving import http as server
from runner.serving import listening

EVERYWHERE = "0.0.0.0"  # noqa: S104 (judged, never bound)
CMP_TYPE = {"Content-Type": "application/pkixcmp"}


@contextlib.contextmanager
def client(lab):
    connection = http.client.HTTPConnection(*lab.address, timeout=5)
    try:
        yield connection
    finally:
        connection.close()


def asked(connection, method="POST", body=b"abc", path="/pkix/", **options):
    connection.request(method, path, body, CMP_TYPE, **options)
    response = connection.getresponse()
    return response, response.read()


def told(lab, octets):
    """What the server says to these octets until it closes."""
    with socket.create_connection(lab.address, timeout=5) as line:
        line.sendall(octets)
        return b"".join(iter(lambda: line.recv(65536), b""))


@pytest.mark.parametrize("path", ["/", "/pkix/", "/.well-known/cmp/p/x/initialization?a=b"])
def test_a_post_to_any_path_is_answered(lab, path):
    with client(lab()) as connection:
        response, body = asked(connection, path=path)
    assert (response.status, response.getheader("Content-Type"), body) == (200, "application/pkixcmp", b"cba")


@pytest.mark.parametrize("content_type", ["application/pkixcmp", "application/octet-stream", "text/plain", None])
def test_any_media_type_is_taken(lab, content_type):
    with client(lab()) as connection:
        connection.request("POST", "/", b"abc", {"Content-Type": content_type} if content_type else {})
        assert connection.getresponse().read() == b"cba"


def test_a_connection_is_kept(lab):
    with client(lab()) as connection:
        connection.connect()
        line = connection.sock
        assert [asked(connection, body=body)[1] for body in (b"ab", b"cd", b"ef")] == [b"ba", b"dc", b"fe"]
        assert connection.sock is line


def test_no_message_is_an_empty_answer(lab):
    with client(lab(lambda _: b"")) as connection:
        for _ in range(2):
            response, body = asked(connection)
            assert (response.status, body) == (204, b"")


@pytest.mark.parametrize("method", ["GET", "PUT", "OPTIONS"])
def test_only_post_is_taken(lab, method):
    with client(lab()) as connection:
        line = None
        for _ in range(2):
            response, body = asked(connection, method)
            assert (response.status, response.getheader("Allow")) == (405, "POST")
            assert b"POST" in body
            assert line in (None, connection.sock)
            line = connection.sock


def test_head_gets_no_body(lab):
    with client(lab()) as connection:
        response, body = asked(connection, "HEAD", None)
        assert (response.status, body) == (405, b"")
        assert asked(connection)[1] == b"cba"


def test_a_request_in_chunks_is_read(lab):
    with client(lab()) as connection:
        _, body = asked(connection, body=iter([b"ab", b"cd"]), encode_chunked=True)
    assert body == b"dcba"


def test_the_largest_request_is_taken_and_a_larger_one_is_not(lab):
    one = lab(lambda request: b"%d" % len(request))
    with client(one) as connection:
        assert asked(connection, body=bytes(server.LARGEST_REQUEST))[1] == b"1048576"
        response, body = asked(connection, body=bytes(server.LARGEST_REQUEST + 1))
    assert (response.status, response.getheader("Connection")) == (413, "close")
    assert b"1048576" in body


def test_a_refusal_reaches_a_client_that_is_still_sending(lab):
    size = 8 * server.LARGEST_REQUEST
    with socket.create_connection(lab().address, timeout=5) as line:
        line.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % size + bytes(size))
        assert line.recv(65536).startswith(b"HTTP/1.1 413 ")


def test_a_large_answer_arrives_whole(lab):
    with client(lab(lambda request: request * 1000)) as connection:
        assert asked(connection, body=bytes(3000))[1] == bytes(3_000_000)


def test_a_client_that_waits_to_be_told_to_continue_is_told(lab):
    with socket.create_connection(lab().address, timeout=5) as line, line.makefile("rb") as answers:
        line.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n")
        assert answers.readline().startswith(b"HTTP/1.1 100 ")
        assert answers.readline() == b"\r\n"
        line.sendall(b"abc")
        assert answers.readline().startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("keep_alive", [b"", b"Connection: keep-alive\r\n"])
def test_http_1_0_is_answered_and_closed(lab, keep_alive):
    answer = told(lab(), b"POST / HTTP/1.0\r\nContent-Length: 3\r\n" + keep_alive + b"\r\nabc")
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 ")
    assert b"\r\nConnection: close" in head
    assert body == b"cba"


@pytest.mark.parametrize(
    ("octets", "status"),
    [
        (b"hello\r\n\r\n", b"400"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"400"),
        (b"POST / HTTP/1.1\r\n\r\n", b"400"),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", b"400"),
        (b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n", b"431"),
    ],
)
def test_what_is_no_http_is_told_so(lab, octets, status):
    assert told(lab(), octets).startswith(b"HTTP/1.1 " + status + b" ")


def test_a_client_that_leaves_in_the_middle_does_no_harm(lab):
    one = lab()
    for octets in (b"", b"POST / HT", b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc"):
        socket.create_connection(one.address, timeout=5).close()
        with socket.create_connection(one.address, timeout=5) as line:
            line.sendall(octets)
    with client(one) as connection:
        assert asked(connection)[1] == b"cba"
    assert one.faults == []


def test_a_fault_of_the_responder_is_reported_and_survived(lab):
    def respond(request):
        if request == b"bad":
            raise RuntimeError("a bug")
        return request

    one = lab(respond)
    with client(one) as connection:
        response, body = asked(connection, body=b"bad")
        assert response.status == 500
        assert b"a bug" not in body
        assert asked(connection, body=b"good")[1] == b"good"
    assert [str(fault["exception"]) for fault in one.faults] == ["a bug"]


@pytest.mark.parametrize("octets", [b"", b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc"])
def test_a_silent_client_is_let_go(lab, monkeypatch, octets):
    monkeypatch.setattr(server, "IDLE_TIMEOUT", 0.1)
    assert told(lab(), octets) == b""


def test_stopping_ends_every_conversation(lab):
    one = lab()
    with client(one) as connection, socket.create_connection(one.address, timeout=5) as idle:
        asked(connection)
        assert one.stop()
        assert idle.recv(1) == b""
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(one.address, timeout=5)


def test_curl_agrees(lab):
    curl = shutil.which("curl")
    if curl is None:
        pytest.skip("curl is not installed")
    one = lab()
    for version in ("--http1.0", "--http1.1"):
        command = [curl, "-sS", version, "--noproxy", "*", "-H", "Content-Type: application/pkixcmp"]
        run = subprocess.run(
            [*command, "--data-binary", "abc", "-w", " %{http_code} %{num_connects}", one.url, one.url],
            capture_output=True, check=True, timeout=10,
        )  # fmt: skip
        connects = b"1" if version == "--http1.0" else b"0"
        assert run.stdout == b"cba 200 1cba 200 " + connects


def serving(**options):
    def ready(url):
        raise AssertionError(f"it listens on {url}")

    asyncio.run(asyncio.wait_for(server.serve(bytes, ready=ready, **options), 5))


@pytest.mark.parametrize("host", [EVERYWHERE, "::", "192.0.2.1"])
def test_it_does_not_listen_beyond_this_machine(host):
    with pytest.raises(Refused) as caught:
        serving(host=host)
    assert f"does not listen on {host}" in caught.value.what
    assert caught.value.next_step


def test_a_name_counts_by_every_address_it_has(monkeypatch):
    addresses = [("127.0.0.1", 0), ("192.0.2.1", 0)]
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", address) for address in addresses]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    with pytest.raises(Refused):
        serving(host="both.example")


def test_remote_peers_are_allowed_when_told():
    assert asyncio.run(listening._address(EVERYWHERE, 0, allow_remote=True)) == EVERYWHERE


def test_a_host_that_nobody_knows_is_bad_input(monkeypatch):
    def unknown(*_, **__):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(BadInput, match=r"cannot listen on nowhere\.example"):
        serving(host="nowhere.example")


def test_a_port_that_is_taken_is_bad_input():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(BadInput) as caught:
            serving(port=port)
    assert f"port {port}" in caught.value.what
    assert caught.value.why


@pytest.mark.parametrize("port", [-1, 65536])
def test_a_port_that_is_none_is_bad_input(port):
    with pytest.raises(BadInput, match=str(port)):
        serving(port=port)


def test_an_ipv6_address_has_its_brackets_in_the_url():
    async def run():
        ready = asyncio.get_running_loop().create_future()
        task = asyncio.create_task(server.serve(bytes, ready=ready.set_result, host="::1"))
        await asyncio.wait([task, ready], return_when=asyncio.FIRST_COMPLETED)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return ready.result() if ready.done() else task.exception()

    url = asyncio.run(run())
    if isinstance(url, BadInput):
        pytest.skip(f"this machine has no IPv6 loopback: {url.why}")
    assert url.startswith("http://[::1]:")
    assert url.endswith("/")
