"""Unified diffs that documentation shows, applied to a folder without git or patch."""

import re
from pathlib import Path

_HUNK = re.compile(r"@@ -\d+,(\d+) \+\d+,(\d+) @@")


def apply_diff(diff: str, folder: Path) -> list[str]:
    """Apply a git diff that adds files or lines of files below `folder`, and return the paths of its files.

    A hunk is found by its lines, wherever they stand, as `git apply` does. Raise `AssertionError` if `git apply` would
    refuse it: wrong numbers of lines, a file that exists already or is missing, lines that are not there.
    """
    paths = []
    for part in re.split(r"^diff --git .*\n", diff, flags=re.MULTILINE)[1:]:
        is_new = "--- /dev/null\n" in part
        path = re.search(r"^\+\+\+ b/(.*)$", part, re.MULTILINE)[1]
        target = folder / path
        assert is_new != target.exists(), path
        text = "" if is_new else target.read_text(encoding="utf-8")
        for old, new in _read_hunks(part):
            assert is_new or text.count(old) == 1, (path, old)
            text = new if is_new else text.replace(old, new)
        target.write_text(text, encoding="utf-8")
        paths.append(path)
    assert paths
    return paths


def _read_hunks(part: str) -> list[tuple[str, str]]:
    """Return the lines of each hunk of a file before and after the change, as one text each."""
    hunks = []
    headers = list(_HUNK.finditer(part))
    ends = [header.start() for header in headers[1:]] + [len(part)]
    for header, end in zip(headers, ends, strict=True):
        lines = part[header.end() + 1 : end].splitlines()
        assert all(line[:1] in ("+", "-", " ") for line in lines), lines
        old = [line[1:] for line in lines if line[0] != "+"]
        new = [line[1:] for line in lines if line[0] != "-"]
        assert (len(old), len(new)) == (int(header[1]), int(header[2])), header[0]
        hunks.append(("".join(f"{line}\n" for line in old), "".join(f"{line}\n" for line in new)))
    return hunks
