"""Declarations of one kind, such as dialects: those in the files of a package, and those that other packages add."""

import re
from collections.abc import Iterable
from importlib import import_module
from importlib.metadata import entry_points
from pkgutil import iter_modules
from typing import Protocol, TypeVar

from sgram.errors import UsageError
from sgram.files import excerpt

Declaration = TypeVar("Declaration")


class Named(Protocol):
    """A declaration with a name."""

    @property
    def name(self) -> str:
        """The name by which users call it."""
        ...


NamedDeclaration = TypeVar("NamedDeclaration", bound=Named)


def match_name(word: str, names: Iterable[str]) -> str:
    """Return the one of `names` that `word` means in whatever case, with _ for -; an unknown word as it is.

    >>> match_name("HICRA_push", ["hicra", "hicra-push"]), match_name("other", ["hicra"])
    ('hicra-push', 'other')
    """
    spelled_names: dict[str, str] = {}
    for name in names:
        if name == word:
            return word
        spelled_names.setdefault(name.lower().replace("_", "-"), name)
    return spelled_names.get(word.lower().replace("_", "-"), word)


def declared_in(package: str, kind: type[Declaration]) -> list[Declaration]:
    """Return the instances of `kind` that the modules of a package name, by module, each once.

    >>> from sgram.traces.dialect import Dialect
    >>> "trl" in [dialect.name for dialect in declared_in("sgram.traces.dialects", Dialect)]
    True
    """
    folder = import_module(package).__path__
    modules = [import_module(f"{package}.{module.name}") for module in iter_modules(folder)]
    declared = [value for module in modules for value in vars(module).values() if isinstance(value, kind)]
    return list(dict.fromkeys(declared))


def installed(group: str, kind: type[Declaration]) -> list[Declaration]:
    """Return the instances of `kind` that installed packages add by entry points of `group`, by name.

    An entry point names an instance, or a list or tuple of them. Raise `UsageError` if one cannot be loaded or names
    anything else.

    >>> installed("sgram.no_such_group", str)
    []
    """
    declarations: list[Declaration] = []
    for entry in sorted(entry_points(group=group), key=lambda entry: (entry.name, entry.value)):
        noun = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", kind.__name__).lower()
        origin = f"the {noun} {excerpt(entry.name)} ({excerpt(entry.value)})"
        try:
            loaded = entry.load()
        except Exception as error:  # any error of foreign code
            raise UsageError(f"cannot load {origin}: {excerpt(str(error))}; mend or uninstall its package") from error
        declared = [loaded] if isinstance(loaded, kind) else loaded
        if not isinstance(declared, list | tuple) or not all(isinstance(value, kind) for value in declared):
            raise UsageError(f"{origin} is not a {kind.__name__} or a list of them; mend or uninstall its package")
        declarations += declared
    return declarations


def with_distinct_names(declarations: Iterable[NamedDeclaration], noun: str) -> tuple[NamedDeclaration, ...]:
    """Return declarations whose names differ. Raise `UsageError` if two have the same one.

    >>> with_distinct_names([], "judge")
    ()
    """
    every = tuple(declarations)
    names = [declaration.name for declaration in every]
    for name in names:
        if names.count(name) > 1:
            raise UsageError(f"{names.count(name)} {noun}s are named {name!r}; rename or uninstall one of them")
    return every


def add_declaration(
    declaration: NamedDeclaration, registered: list[NamedDeclaration], known: Iterable[NamedDeclaration], noun: str
) -> NamedDeclaration:
    """Append a declaration to `registered` unless it is there, and return it.

    Raise `UsageError` if another one of `known` has its name.
    """
    if any(rival.name == declaration.name and rival is not declaration for rival in known):
        raise UsageError(f"a {noun} named {declaration.name!r} exists already; choose another name")
    if declaration not in registered:
        registered.append(declaration)
    return declaration
