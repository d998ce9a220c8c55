"""A package that offers names of many modules and loads none before one is asked for."""

from collections.abc import Callable, Mapping
from importlib import import_module


def lazy(package: dict, modules: Mapping[str, str]) -> tuple[Callable, Callable]:
    """``__getattr__`` and ``__dir__`` for a package whose ``globals()`` are ``package``.

    ``modules``: module -> the names that are taken from it, separated by spaces. No submodule of
    the package may be called like one of them: importing it would put the module in its place.
    """
    where = {}
    for module, names in modules.items():
        where |= dict.fromkeys(names.split(), module)

    def get(name: str):
        if name not in where:
            raise AttributeError(f"module {package['__name__']!r} has no attribute {name!r}")
        # kept, so that it is asked for once
        package[name] = getattr(import_module(where[name]), name)
        return package[name]

    def names_of_package() -> list[str]:
        return sorted({*package, *where})

    return get, names_of_package
