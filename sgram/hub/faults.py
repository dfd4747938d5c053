"""Why a request to the hub failed: an error of its client as a reason and what to do next.

Errors are recognized by the names of their classes, so that the client need not be imported to explain one.
"""

from collections.abc import Iterator
from typing import NamedTuple

from sgram.files import excerpt

_LOGIN = "run hf auth login, or set HF_TOKEN"


class HubFault(NamedTuple):
    """Why a request failed, and what to do next."""

    reason: str
    remedy: str


# name of a class: fault; the first that fits an error or its causes counts, so that special ones come first
_FAULTS = {
    "GatedRepoError": HubFault("its owner grants access on request", f"ask for access on its page, and {_LOGIN}"),
    "RevisionNotFoundError": HubFault("the repository has no such revision", "check what stands behind @"),
    "RepositoryNotFoundError": HubFault(
        "there is no such repository, or it is private", f"check the name; for a private one {_LOGIN}"
    ),
    "LocalTokenNotFoundError": HubFault("it needs a login", _LOGIN),
    "OfflineModeIsEnabled": HubFault(
        "HF_HUB_OFFLINE forbids requests", "unset it, or give the path of a downloaded file"
    ),
    "HFValidationError": HubFault("the name of the repository is invalid", "write hf://owner/name/FILE"),
    "HfUriError": HubFault("it is not an address of the hub", "write hf://owner/name/FILE"),
}
_STATUS_FAULTS = {
    401: HubFault("it needs a login", _LOGIN),
    403: HubFault("the token has no right to do this", "use a token that may write to this owner's repositories"),
    404: HubFault("there is no such repository", "check the name"),
    429: HubFault("there were too many requests", "wait a while, and try again"),
}
_CONNECTION_ERRORS = {"TransportError", "ConnectionError", "Timeout", "TimeoutError"}
_UNREACHABLE = HubFault(
    "the hub cannot be reached",
    "check the network; on a machine without one, give the path of a file that hf download fetched elsewhere",
)


def explain_fault(error: BaseException) -> HubFault:
    """Return the fault that an error of the hub's client stands for.

    >>> explain_fault(ConnectionError("no route")).reason
    'the hub cannot be reached'
    """
    causes = list(_causes(error))
    class_names = [{base.__name__ for base in type(cause).__mro__} for cause in causes]
    for name, fault in _FAULTS.items():
        if any(name in names for names in class_names):
            return fault
    status = _status(causes)
    if status in _STATUS_FAULTS:
        fault = _STATUS_FAULTS[status]
        return HubFault(f"{fault.reason} (HTTP {status})", fault.remedy)
    if status:
        return HubFault(f"the hub {'fails' if status >= 500 else 'refuses it'} (HTTP {status})", "try again later")
    if any(_CONNECTION_ERRORS & names for names in class_names):
        return _UNREACHABLE
    if any("FileNotFoundError" in names for names in class_names):
        return HubFault("the repository has no such file", "name one of its files: hf://owner/name/FILE")
    return HubFault(excerpt(f"{type(error).__name__}: {' '.join(str(error).split())}"), "check the address")


def _status(causes: list[BaseException]) -> int:
    """Return the first HTTP status of an error; 0 if there is none."""
    for cause in causes:
        status = getattr(getattr(cause, "response", None), "status_code", None)
        if type(status) is int and status >= 400:
            return status
    return 0


def _causes(error: BaseException) -> Iterator[BaseException]:
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__
