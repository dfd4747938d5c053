"""The docs site: what `make docs` builds is complete, and nothing on a page only looks as if it ran."""

import doctest
import json
import re
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from types import ModuleType
from typing import Any

import pytest
import yaml

import sgram
from tests.builders.paths import ROOT

DOCS = ROOT / "docs"
PAGES = {str(path.relative_to(DOCS)): path.read_text(encoding="utf-8") for path in sorted(DOCS.rglob("*.md"))}
REFERENCE = {page: re.findall(r"^::: (\S+)$", text, re.MULTILINE) for page, text in PAGES.items()}
WALKED_PAGES = [page for page in PAGES if page == "index.md" or page.startswith(("tutorials/", "examples/"))]


class _Loader(yaml.SafeLoader):
    """YAML whose Python objects are left out."""


_Loader.add_multi_constructor("tag:yaml.org,2002:python/", lambda *_: None)
CONFIG = yaml.load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"), _Loader)  # noqa: S506


def load_script(path: str) -> ModuleType:
    spec = spec_from_file_location(path.replace("/", "_").removesuffix(".py"), DOCS / path)
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def blocks(text: str) -> list[tuple[str, str]]:
    """Return the first line and the text of each fenced block, also of those inside a tab."""
    found = re.findall(r"^( *)```([^\n]+)\n(.*?)^\1```$", text, re.MULTILINE | re.DOTALL)
    return [(head, body) for _, head, body in found]


def nav_pages(nav: Any) -> list[str]:
    if isinstance(nav, str):
        return [nav]
    return [page for part in (nav.values() if isinstance(nav, dict) else nav) for page in nav_pages(part)]


def resolve(name: str) -> object:
    """Return what a full name stands for."""
    try:
        return import_module(name)
    except ModuleNotFoundError:
        module, _, attribute = name.rpartition(".")
        return getattr(import_module(module), attribute)


def test_the_navigation_holds_every_page_once():
    made = {*load_script("site_build/repository_pages.py").PAGES, "reference/commands.md", "tutorials/tour.md"}
    pages = nav_pages(CONFIG["nav"])
    assert len(pages) == len(set(pages))
    assert set(pages) == {*PAGES, *made} - {"formats.template.md"}
    assert "/formats.template.md" in CONFIG["exclude_docs"].split()


def test_pages_from_elsewhere_in_the_repository_exist():
    script = load_script("site_build/repository_pages.py")
    paths = [*script.PAGES.values(), *script.OTHER_FILES.values()]
    assert [path for path in paths if not (ROOT / path).exists()] == []
    assert "Linux and macOS" in script.read_limits((ROOT / "README.md").read_text(encoding="utf-8"))


def test_links_between_site_and_repository_are_rewritten_as_documented():
    assert doctest.testmod(load_script("site_build/repository_pages.py")) == (0, 1)


def test_every_picture_of_a_page_is_shown_in_the_site():
    script = load_script("site_build/repository_pages.py")
    pages = {**{f"docs/{page}": page for page in PAGES}, **{path: page for page, path in script.PAGES.items()}}
    for path, page in pages.items():
        text = (ROOT / path).read_text(encoding="utf-8")
        in_repository, in_site = (
            re.findall(r"!\[([^\]]*)\]\(", version) for version in (text, script.rewrite_links(text, path, page))
        )
        assert (path, in_site) == (path, in_repository)


def test_the_reference_has_every_public_name():
    objects = [resolve(name) for names in REFERENCE.values() for name in names]
    objects += [value for module in objects if isinstance(module, ModuleType) for value in vars(module).values()]
    missing = [name for name in sgram.__all__ if name != "__version__" and getattr(sgram, name) not in objects]
    assert missing == []
    assert len(objects) > 60


def test_public_names_stand_on_the_page_that_the_reference_says():
    rows = re.findall(r"^\| \[.*?\]\((\w+\.md)\) \| (.*?) \|$", PAGES["reference/index.md"], re.MULTILINE)
    named = {name for _, names in rows for name in re.findall(r"`(\w+)`", names)}
    assert named == {*sgram.__all__} - {"__version__"}
    for page, names in rows:
        titles = {name.rpartition(".")[2] for name in REFERENCE[f"reference/{page}"]}
        if page != "errors.md":  # it shows the whole module
            assert set(re.findall(r"`(\w+)`", names)) <= titles


@pytest.mark.parametrize("page", WALKED_PAGES)
def test_every_command_and_program_of_a_tutorial_runs_when_the_site_is_built(page):
    languages = [head for head, _ in blocks(PAGES[page])]
    assert languages
    for head, body in blocks(PAGES[page]):
        assert 'exec="on"' in head or body.startswith("--8<--") or head == "text", (head, body)


def test_the_path_of_a_newcomer_is_five_commands_and_ends_with_a_lexicon():
    ((_, body),) = blocks(PAGES["index.md"])
    commands = body.splitlines()
    assert len(commands) == 5
    assert commands[0] == "python3 -m venv .venv"
    assert commands[1].startswith(".venv/bin/pip install ")
    assert all(command.startswith(".venv/bin/sgram ") for command in commands[2:])
    assert " -o lexicon.json" in commands[3]
    assert "lexicon show lexicon.json" in commands[4]


@pytest.mark.parametrize("page", [page for page in PAGES if page.startswith("concepts/")])
def test_the_examples_of_a_concept_run(page):
    test = doctest.DocTestParser().get_doctest(PAGES[page].replace("```", ""), {}, page, page, 0)
    assert doctest.DocTestRunner().run(test).failed == 0


def test_every_example_is_shown_and_run():
    page = PAGES["examples/index.md"]
    scripts = sorted(path.name for path in (DOCS / "examples").glob("*.py"))
    assert len(scripts) >= 4
    for name in scripts:
        assert f'--8<-- "examples/{name}"' in page
        assert re.search(rf"^python docs/examples/{name}\b", page, re.MULTILINE)


def test_notebooks_are_stored_without_outputs():
    notebooks = sorted(DOCS.rglob("*.ipynb"))
    assert notebooks
    for path in notebooks:
        cells = [cell for cell in json.loads(path.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == "code"]
        assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in cells)


def test_the_pictures_of_the_concepts_are_what_the_script_draws():
    script = load_script("make_concept_pictures.py")
    for name, draw in {
        "strategic_grams": script.draw_grams,
        "mask_kinds": script.draw_kinds,
        "placebo": script.draw_placebo,
        "conclusions": script.draw_conclusions,
    }.items():
        svg = (DOCS / "concepts" / f"{name}.svg").read_text(encoding="utf-8")
        assert draw() == svg, "run: python docs/make_concept_pictures.py"
        assert f"{name}.svg" in PAGES[f"concepts/{name}.md"]


def test_made_up_rollouts_say_truly_which_of_them_are_correct():
    script = load_script("tutorials/made_up_rollouts.py")
    rows = list(script.training_rows())
    for row in rows:
        assert row["correct"] == row["text"].endswith(f"\\boxed{{{row['problem'].answer}}}")
    by_step = {step: [row["correct"] for row in rows if row["step"] == step] for step in script.STEPS}
    assert sum(by_step[0]) < sum(by_step[80])
    assert {problem.prompt for problem in script.make_problems(15)} == {row["problem"].prompt for row in rows}


def test_what_builds_the_site_is_pinned_and_the_theme_asks_no_other_host():
    lines = (DOCS / "requirements.txt").read_text(encoding="utf-8").splitlines()
    assert all(re.fullmatch(r"[\w.-]+==[\w.]+", line) for line in lines if not line.startswith("#"))
    assert CONFIG["theme"]["font"] is False
    assert CONFIG["strict"] is True
    assert "repo_url" not in CONFIG


def test_the_site_is_built_by_make_and_by_continuous_integration():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert re.search(r"^docs: .*\n.*mkdocs build --strict", makefile, re.MULTILINE)
    assert re.search(r"^clean:\n\trm -rf .*\$\(DOCS\) site ", makefile, re.MULTILINE)
    assert "make docs" in (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    assert "/site/" in (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
