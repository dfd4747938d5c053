"""Lists of seeds as people write them on a command line."""


def parse_seeds(text: str) -> tuple[int, ...]:
    """Return the different seeds in a text such as 0,3 or 0-9.

    >>> parse_seeds("0-2,7,1")
    (0, 1, 2, 7)
    """
    seeds: list[int] = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        seeds += range(int(first), int(last or first) + 1)
    return tuple(dict.fromkeys(seeds))
