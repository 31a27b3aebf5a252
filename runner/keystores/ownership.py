"""Users and groups by name or number, and whether we may give files to them: asked before anything is sent."""

from __future__ import annotations

import grp
import os
import pwd

from runner.errors import KeyStoreError

_AS_IS = -1


def numbers_of(owner: str, group: str) -> tuple[int, int]:
    """The numbers of a user and a group, -1 where none is named. KeyStoreError: there is none, or it is not for us."""
    numbers = (_user(owner), _group(group))
    _refuse_what_we_may_not(owner, group, numbers)
    return numbers


def _user(name: str) -> int:
    if not name or name.isdecimal():
        return int(name) if name else _AS_IS
    try:
        return pwd.getpwnam(name).pw_uid
    except KeyError:
        raise KeyStoreError(f"there is no user {name}", next_step="make the user, or name another owner") from None


def _group(name: str) -> int:
    if not name or name.isdecimal():
        return int(name) if name else _AS_IS
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        raise KeyStoreError(f"there is no group {name}", next_step="make the group, or name another") from None


def _refuse_what_we_may_not(owner: str, group: str, numbers: tuple[int, int]) -> None:
    user, of = numbers
    if os.geteuid() == 0:
        return
    if user not in (_AS_IS, os.geteuid()):
        raise KeyStoreError(f"files cannot be given to {owner}", why="only root may", next_step="run as root")
    if of not in (_AS_IS, os.getegid(), *os.getgroups()):
        raise KeyStoreError(
            f"files cannot be given to the group {group}", why="we are not in it", next_step="join it, or run as root"
        )
