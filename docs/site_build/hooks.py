"""Events of MkDocs: add pages that are made from other files, run what pages say to run, check the built site."""

import os
import re
import shutil
import sys
import sysconfig
from pathlib import Path

from command_reference import render_commands
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page
from notebook_page import render_notebook
from repository_pages import OTHER_FILES, PAGES, read_limits, rewrite_links

ROOT = Path(__file__).resolve().parents[2]
SCRATCH = ROOT / "build" / "docs"
"""Holds a fresh folder for each page whose blocks run."""
FRONT_PAGE = "index.md"
EXECUTED = re.compile(r'^(\s*```\w+ )exec="on"', re.MULTILINE)
REMOTE = re.compile(
    r"""<(?:script|img|iframe|link(?=[^>]*rel="?(?:stylesheet|preconnect|preload|icon)))\b[^>]*(?:src|href)="?(?:https?:)?//[^>]*>"""
)
"""An element that a browser loads from another host."""


def runs(src_uri: str) -> bool:
    """Return whether the blocks of a page run: all do, or those that SGRAM_DOCS_RUN names."""
    return os.environ.get("SGRAM_DOCS_RUN", "") in src_uri


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Set the environment of the commands that pages run."""
    shared = os.environ.get("PYTHONPATH", "")
    os.environ |= {
        "BASH_ENV": str(ROOT / "docs" / "site_build" / "strict.bash"),
        "COLUMNS": "88",
        "MPLBACKEND": "agg",
        "NO_COLOR": "1",
        "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), shared])),
        "PYTHONWARNINGS": "ignore",
        "SGRAM_QUIET_COMPILING": "1",
    }
    sys.path.insert(0, str(ROOT))
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages and other files that do not lie in docs/."""
    for src_uri, path in PAGES.items():
        text = rewrite_links((ROOT / path).read_text(encoding="utf-8"), path, src_uri)
        files.append(File.generated(config, src_uri, content=text))
    for src_uri, path in OTHER_FILES.items():
        files.append(File.generated(config, src_uri, abs_src_path=str(ROOT / path)))
    files.append(File.generated(config, "reference/commands.md", content=render_commands()))
    notebook = "tutorials/tour.ipynb"
    folder = fresh_folder(notebook) if runs(notebook) else None
    content = render_notebook(ROOT / "docs" / notebook, folder)
    files.append(File.generated(config, "tutorials/tour.md", content=content))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Rewrite links to files outside docs/, and give the blocks that run a folder and a session."""
    src_uri = page.file.src_uri
    if src_uri == "limits.md":
        markdown += rewrite_links(read_limits((ROOT / "README.md").read_text(encoding="utf-8")), "README.md", src_uri)
    elif src_uri not in PAGES:
        markdown = rewrite_links(markdown, f"docs/{src_uri}", src_uri)
    if not EXECUTED.search(markdown):
        return markdown
    if not runs(src_uri):
        return re.sub(r'^(\s*```\w+) exec="on".*$', r"\1", markdown, flags=re.MULTILINE)
    folder = fresh_folder(src_uri)
    if src_uri == FRONT_PAGE:
        prepare_checkout(folder)
    return EXECUTED.sub(rf'\1exec="on" workdir="{folder}" session="{src_uri}"', markdown)


def fresh_folder(src_uri: str) -> Path:
    """Return a folder that holds links to data/ and docs/ and nothing else."""
    folder = SCRATCH / src_uri.partition(".")[0]
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name in ("data", "docs"):
        (folder / name).symlink_to(ROOT / name)
    return folder


def prepare_checkout(folder: Path) -> None:
    """Copy what an installation needs into the folder, with the kernels that are compiled already.

    pip installs this copy for real. Its settings in `settings.sh` let it take hatchling and the dependencies from the
    environments of the build, so nothing is downloaded.
    """
    for name in ("data", "docs"):
        (folder / name).unlink()
    for name in ("sgram", "data"):
        shutil.copytree(ROOT / name, folder / name)
    for name in ("README.md", "pyproject.toml"):
        shutil.copy2(ROOT / name, folder / name)
    purelib = sysconfig.get_path("purelib")
    libraries = [purelib, *(path for path in sys.path if path.endswith("site-packages") and path != purelib)]
    settings = {
        "PYTHONPATH": os.pathsep.join(libraries),
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_IGNORE_INSTALLED": "1",
        "PIP_NO_BUILD_ISOLATION": "0",  # pip reads it as the value of build_isolation
        "PIP_NO_DEPS": "1",
        "PIP_NO_INDEX": "1",
        "PIP_QUIET": "1",
    }
    lines = [f"export {name}='{value}'\n" for name, value in settings.items()]
    (folder / "settings.sh").write_text("".join(lines), encoding="utf-8")


def on_post_build(config: MkDocsConfig) -> None:
    """Raise an error if a built page loads anything from another host, or names a folder of this machine."""
    for path in sorted(Path(config.site_dir).rglob("*.html")):
        text = path.read_text(encoding="utf-8")
        remote = REMOTE.search(text)
        if remote:
            raise PluginError(f"{path.name} loads something from another host: {remote[0][:200]}")
        if str(ROOT) in text:
            place = text.index(str(ROOT))
            raise PluginError(f"{path.name} names a folder of this machine: {text[place - 60 : place + 60]!r}")
