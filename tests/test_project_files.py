"""What the project says of itself outside the code: metadata, citation, changelog."""

import re

from trove_classifiers import classifiers  # hatchling needs it

import sgram
from sgram.lexicon import Lexicon
from tests.builders.paths import ROOT
from tests.test_package import PROJECT

CITATION = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
CHANGELOG = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
METADATA = PROJECT["project"]


def test_the_citation_has_the_fields_that_its_format_requires():
    fields = dict(re.findall(r"^([a-z-]+): ?(.*)$", CITATION, re.MULTILINE))
    assert fields["cff-version"] == "1.2.0"
    assert set(fields) >= {"message", "title", "authors", "abstract", "version", "references"}
    assert '  - name: "The sgram authors"\n' in CITATION
    assert "\t" not in CITATION


def test_the_citation_names_this_version_and_the_paper_of_the_preset():
    assert f'\nversion: "{sgram.__version__}"\n' in CITATION
    assert "2509.03646" in CITATION
    assert "2509.03646" in Lexicon.load("wang2025").source["citation"]


def test_authors_are_the_same_in_metadata_and_citation():
    assert METADATA["authors"] == [{"name": "The sgram authors"}]


def test_classifiers_are_known_to_the_index_and_claim_no_license():
    assert set(METADATA["classifiers"]) <= classifiers
    assert METADATA["classifiers"] == sorted(METADATA["classifiers"])
    assert not [name for name in METADATA["classifiers"] if name.startswith("License")]
    assert "license" not in METADATA


def test_addresses_are_absolute_and_readme_says_that_no_license_is_chosen():
    assert all(address.startswith("https://") for address in METADATA["urls"].values())
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(re.findall(r"^.*[Nn]o license has been chosen.*$", readme, re.MULTILINE)) == 1


def test_the_changelog_has_the_sections_of_its_format_and_begins_with_what_is_not_released():
    assert re.findall(r"^## (.*)$", CHANGELOG, re.MULTILINE)[0] == "[Unreleased]"
    sections = re.findall(r"^### (.*)$", CHANGELOG, re.MULTILINE)
    assert set(sections) <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
    assert f" {sgram.__version__} " in CHANGELOG


def test_names_that_the_changelog_tells_to_use_exist():
    from sgram import analysis
    from sgram.reports import wording
    from sgram.traces import dialect

    for name in ("Measure", "all_measures", "register_measure", "trace_mean", "Finding"):
        assert hasattr(analysis, name)
    for name in ("Dialect", "register_dialect"):
        assert hasattr(dialect, name)
    assert hasattr(analysis.AnalysisConfig(), "recorded_errors")
    assert callable(wording.word)
    assert callable(wording.headlines)
