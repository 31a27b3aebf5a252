"""cmp-batch: a declarative batch runner for certificate lifecycle over CMP (RFC 4210, 9483, 9810).

`from runner import load, plan, apply` is for programs that embed it; runner.api has the whole list. It is imported
when a name of it is asked for, so that the command line starts without it.
"""

import sys
from importlib import import_module
from types import ModuleType

__version__ = "0.1.0"


class _Package(ModuleType):
    """This package: what is no attribute of it may be a name of runner.api (PEP 562 cannot say the rest).

    `plan` is both a function of the library and a package of ours: whoever asks for `runner.plan` means the function,
    and imports from runner.plan.… find the package by its full name.
    """

    def __getattr__(self, name: str) -> object:
        api = import_module("runner.api") if not name.startswith("_") else None
        if api is None or name not in api.__all__:
            raise AttributeError(f"module 'runner' has no attribute {name!r}")
        return getattr(api, name)

    @property
    def plan(self) -> object:
        return import_module("runner.api").plan

    @plan.setter
    def plan(self, package: object) -> None:
        """The import system puts the package here when it is first imported; it does not need it."""


sys.modules[__name__].__class__ = _Package
