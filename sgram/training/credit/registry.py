"""All credit methods by name: those of `sgram.training.credit.methods`, then those that other packages add.

A method changes the advantages once when rows are sampled (`Method.at_rollout`), or in every micro-batch of the loss if
it depends on the current policy (`Method.at_update`). `Method.penalty` is the term that it adds to the loss.
"""

from collections.abc import Mapping
from difflib import get_close_matches
from types import MappingProxyType

from sgram.declarations import declared_in, installed, match_name
from sgram.errors import UsageError
from sgram.files import excerpt
from sgram.training.credit.method import Method

ENTRY_POINTS = "sgram.credit"
"""Group of entry points by which a package adds methods; each names a `Method` or a sequence of them."""
ORDER = (
    *("grpo", "dr-grpo", "hicra", "hicra-scale", "hicra-push", "hicra-correct", "hicra-symmetric", "hicra-centered"),
    *("hicra-gated", "placebo", "placebo-execution", "execution-scale", "execution-symmetric", "grpo-matched"),
    *("high-entropy", "entropy-advantage", "clip-cov", "kl-cov", "entropy", "siren", "ktae"),
)
"""The order of lists. Other methods of `sgram.training.credit.methods` come after these, by the name of their file."""


def _own_methods() -> dict[str, Method]:
    rank = {name: index for index, name in enumerate(ORDER)}
    declared = declared_in("sgram.training.credit.methods", Method)
    return {method.name: method for method in sorted(declared, key=lambda method: rank.get(method.name, len(rank)))}


METHODS: Mapping[str, Method] = MappingProxyType(_own_methods())
"""Name -> method, of those that come with sgram."""
_registered: dict[str, Method] = {}


def register_method(method: Method) -> Method:
    """Make `method` known by its name in this process, and return it. An earlier one of that name is replaced.

    Raise `UsageError` if a method of sgram has the name.

    >>> halved = Method("halved", "A / 2 on every token", "example", at_rollout=lambda batch, _: batch.advantages / 2)
    >>> register_method(halved) is find_method("halved")
    True
    >>> unregister_method("halved")
    """
    check_name(method)
    _registered[method.name] = method
    return method


def unregister_method(name: str) -> None:
    """Remove a method that `register_method` added; nothing happens if there is none of that name."""
    _registered.pop(name, None)


def all_methods() -> dict[str, Method]:
    """Return the methods of sgram by name, then those of installed packages, then the registered ones.

    Raise `UsageError` if a package's method cannot be loaded, or if two packages' methods have one name. A registered
    method precedes an installed one of its name.

    >>> list(all_methods())[:2]
    ['grpo', 'dr-grpo']
    """
    added: dict[str, Method] = {}
    for method in installed(ENTRY_POINTS, Method):
        check_name(method)
        if added.setdefault(method.name, method) is not method:
            raise UsageError(f"two packages have a method named {method.name!r}; uninstall one of them")
    return {**METHODS, **added, **_registered}


def find_method(method: object) -> Method:
    """Return the method called `method`, in whatever case, or `method` itself if it is a `Method`.

    Raise `UsageError` with the nearest names if the name is unknown.

    >>> find_method("hicra").summary
    'A + alpha |A| on planning tokens'
    """
    if isinstance(method, Method):
        return method
    if isinstance(method, str) and method in METHODS:
        return METHODS[method]
    methods = all_methods()
    if isinstance(method, str) and (name := spelled_method(method)) in methods:
        return methods[name]
    near_names = get_close_matches(str(method).lower(), methods, n=3, cutoff=0.5)
    hint = f" (did you mean {' or '.join(near_names)}?)" if near_names else ""
    raise UsageError(f"unknown method {str(method)!r:.80}{hint}; the methods are {', '.join(methods)}")


def spelled_method(name: str) -> str:
    """Return the name of the method that `name` means in whatever case, with _ for -; an unknown name as it is.

    >>> spelled_method("HICRA_push"), spelled_method("Hicra"), spelled_method("unknown")
    ('hicra-push', 'hicra', 'unknown')
    """
    return name if name in METHODS else match_name(name, all_methods())


def check_name(method: Method) -> None:
    """Raise `UsageError` if a method of sgram has the name of another method."""
    if METHODS.get(method.name, method) is not method:
        raise UsageError(f"{excerpt(method.name)!r} is the name of a method of sgram; take another name")
