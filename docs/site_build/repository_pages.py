"""Pages of the site that lie outside docs/ in the repository, and links between the two."""

import posixpath
import re

PAGES = {
    "project/annotation_guideline.md": "data/annotation_guideline.md",
    "project/architecture.md": "ARCHITECTURE.md",
    "project/benchmarks.md": "benchmarks/README.md",
    "project/changelog.md": "CHANGELOG.md",
    "project/contributing.md": "CONTRIBUTING.md",
    "project/credit_toy.md": "benchmarks/credit_toy.md",
    "project/data.md": "data/README.md",
    "project/easy_testbed_comparison.md": "benchmarks/easy_testbed_comparison.md",
    "project/entropy_regularizers.md": "benchmarks/entropy_regularizers.md",
    "project/error_guideline.md": "data/error_guideline.md",
    "project/evolve_testbed.md": "benchmarks/evolve_testbed.md",
    "project/testbed_phases.md": "benchmarks/testbed_phases.md",
    "project/training_comparison.md": "benchmarks/training_comparison.md",
}
"""Path in the site -> path in the repository."""

OTHER_FILES = {"project/sample_report.html": "reports/sample/report.html"} | {
    f"project/{name}": f"benchmarks/{name}"
    for name in (
        "credit_toy.png",
        "easy_testbed_curves.png",
        "easy_testbed_differences.png",
        "entropy_regularizers.png",
        "evolve_testbed.png",
        "mining_parts.png",
        "training_comparison.png",
    )
}
_IN_SITE = {path: src_uri for src_uri, path in (PAGES | OTHER_FILES).items()}
_CODE_OR_LINK = re.compile(
    r"^ *(?P<fence>```|~~~).*?^ *(?P=fence)[^\n]*$|(?P<head>!?\[(?P<words>[^\]]*)\])\((?P<target>[^)\s]+)\)|`[^`\n]+`",
    re.MULTILINE | re.DOTALL,
)


def rewrite_links(markdown: str, path: str, src_uri: str) -> str:
    """Return Markdown whose links lead to pages of the site.

    `path` is where the text lies in the repository, `src_uri` where it lies in the site. A link to a file that is not
    in the site becomes its words. Code is not changed.

    >>> rewrite_links("[a](../CONTRIBUTING.md#b) [`c`](../sgram/x.py) `[d](e)`", "docs/metrics.md", "metrics.md")
    '[a](project/contributing.md#b) `c` `[d](e)`'
    """

    def rewrite(match: re.Match[str]) -> str:
        target, mark, anchor = (match["target"] or "").partition("#")
        if not target or ":" in target:
            return match[0]
        place = posixpath.normpath(posixpath.join(posixpath.dirname(path), target))
        if place == "README.md":  # the front page has other headings
            in_site, mark, anchor = "index.md", "", ""
        elif place in _IN_SITE:
            in_site = _IN_SITE[place]
        elif place.startswith("docs/"):
            in_site = place.removeprefix("docs/")
        else:
            return match["words"]
        return f"{match['head']}({posixpath.relpath(in_site, posixpath.dirname(src_uri) or '.')}{mark}{anchor})"

    return _CODE_OR_LINK.sub(rewrite, markdown)


def read_limits(readme: str) -> str:
    """Return the section "Limits" of the README, without its heading."""
    section = re.search(r"^## Limits\n(.*?)(?=^## |\Z)", readme, re.MULTILINE | re.DOTALL)
    if section is None:
        raise ValueError("README.md has no section Limits")
    return section[1]
