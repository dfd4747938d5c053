"""How messages name an option of reading: its flag, and its name in `ReadOptions`, as both read the same messages."""

from collections.abc import Mapping


def name_option(option: str, value: object = None) -> str:
    """Return the flag of an option with a value, and what to give `ReadOptions` for it.

    An object stands for a flag that takes ``key=value``, a tuple for one that may be repeated.

    >>> name_option("max_bad")
    '--max-bad (max_bad in Python)'
    >>> name_option("infer_correct", False)
    '--no-infer-correct (infer_correct=False in Python)'
    >>> name_option("correct_above", 0.5)
    '--correct-above 0.5 (correct_above=0.5 in Python)'
    >>> name_option("columns", {"text": "words"})
    "--column text=words (columns={'text': 'words'} in Python)"
    """
    flag = f"--{option.removesuffix('s').replace('_', '-')}"
    if value is None:
        return f"{flag} ({option} in Python)"
    if value is False:
        spelled = flag.replace("--", "--no-", 1)
    elif isinstance(value, Mapping):
        spelled = " ".join(f"{flag} {key}={item}" for key, item in value.items())
    elif isinstance(value, tuple):
        spelled = " ".join(f"{flag} {item}" for item in value)
    elif isinstance(value, float):
        return f"{flag} {value:g} ({option}={value:g} in Python)"
    else:
        spelled = f"{flag} {value}"
    return f"{spelled} ({option}={value!r} in Python)"
