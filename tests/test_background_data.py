"""The packaged background is what its script makes of the traces it names."""

import importlib.util

import pytest

from sgram.mining import Background
from tests.builders.paths import ROOT

SHARED = ROOT.parent / "shared" / "data"


def script():
    spec = importlib.util.spec_from_file_location("build_background", ROOT / "data" / "build_background.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.skipif(not (SHARED / "traces").exists(), reason="the real traces (../shared/data) are not here")
def test_building_the_background_again_gives_the_packaged_table(tmp_path):
    build = script()
    build.OUTPUT = tmp_path / "background.parquet"
    build.main(SHARED)
    rebuilt, packaged = Background.load(build.OUTPUT), Background.packaged()
    assert rebuilt.df == packaged.df
    assert (rebuilt.n_docs, rebuilt.min_df, rebuilt.origin) == (packaged.n_docs, packaged.min_df, packaged.origin)


def test_a_problem_is_identified_by_its_letters_and_digits():
    # sha1 of "whatis2": case, spaces and punctuation do not count
    assert script().problem_id("What is 2?") == script().problem_id("what is (2)") != script().problem_id("what is 3")
