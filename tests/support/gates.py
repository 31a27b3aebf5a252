"""Real servers for tests, started on loopback as processes of their own and ended with the test."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import time

from support.tools import need


def free_port() -> int:
    """A port on which nothing listens at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def running(command, port, *, cwd, env=None):
    """A process that listens on `port` of loopback."""
    with subprocess.Popen(command, cwd=cwd, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            _wait_for(port, process)
            yield port
        finally:
            process.terminate()
            process.wait(timeout=5)


def _wait_for(port, process):
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        assert process.poll() is None, f"{process.args} ended with {process.returncode}"
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.02)
    raise AssertionError(f"{process.args} does not listen on {port}")


def microsocks(folder, *, user="", password=""):
    """SOCKS 5; with a user name and a password where they are given."""
    program, port = need("microsocks"), free_port()
    login = ["-u", user, "-P", password] if user else []
    return running([program, "-i", "127.0.0.1", "-p", str(port), *login], port, cwd=folder)


def dante(folder, *, clients="pass", destinations="pass"):
    """SOCKS 4 and 5 by Dante, without authentication; rules for clients and destinations."""
    program, port = _danted(), free_port()
    (folder / "danted.conf").write_text(
        f"""logoutput: {folder}/danted.log
internal: 127.0.0.1 port = {port}
external: 127.0.0.1
clientmethod: none
socksmethod: none
user.privileged: {_user()}
user.unprivileged: {_user()}
client {clients} {{ from: 127.0.0.0/8 to: 0.0.0.0/0 }}
socks {destinations} {{ from: 127.0.0.0/8 to: 0.0.0.0/0 }}
"""
    )
    return running([program, "-f", str(folder / "danted.conf"), "-p", str(folder / "danted.pid")], port, cwd=folder)


def _danted():
    os.environ["PATH"] += "" if "/usr/sbin" in os.environ["PATH"] else ":/usr/sbin"
    return need("danted")


def _user():
    import pwd

    return pwd.getpwuid(os.getuid()).pw_name


def tinyproxy(folder, *, login="", connect_port=None, more=""):
    """An HTTP proxy: `login` is user and password, CONNECT goes to `connect_port` alone where one is given."""
    program, port = need("tinyproxy"), free_port()
    lines = [f"Port {port}", "Listen 127.0.0.1", "Timeout 20", "Allow 127.0.0.1", f'LogFile "{folder}/tinyproxy.log"']
    lines += ["LogLevel Connect", "MaxClients 20", f"BasicAuth {login}" if login else "", more]
    lines += [f"ConnectPort {connect_port}"] if connect_port else []
    (folder / "tinyproxy.conf").write_text("\n".join([*lines, ""]))
    return running([program, "-d", "-c", str(folder / "tinyproxy.conf")], port, cwd=folder)
