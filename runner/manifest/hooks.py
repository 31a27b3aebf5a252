"""Commands around an item, and when its certificate is confirmed, as data: `hooks` and `commit` of an entry."""

from __future__ import annotations

from runner.values import frozen

AFTER_INSTALL = "after-install"
Command = tuple[str, ...]
"""Program and arguments, empty where there is none; no shell comes near them."""


@frozen
class Hooks:
    """`verify` decides about an installed certificate before the CA is told that it is accepted; the others follow.

    `timeout` (seconds) bounds each of them.
    """

    verify: Command = ()
    on_success: Command = ()
    on_failure: Command = ()
    timeout: float = 60.0

    def __bool__(self) -> bool:
        """Whether there is any command."""
        return bool(self.verify or self.on_success or self.on_failure)


NO_HOOKS = Hooks()
