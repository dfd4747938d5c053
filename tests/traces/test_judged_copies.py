"""Files that hold the responses of another file once more, with verdicts."""

import json

import pytest

from sgram.safe_reading import Caps
from sgram.traces import TraceReader
from sgram.traces.dialect import all_dialects
from sgram.traces.input_files import find_input_files
from sgram.traces.judged_copies import leave_out_copies
from tests.traces.dialects.test_evalscope import PREDICTION, REVIEW
from tests.traces.dialects.test_opencompass import RESULT, SAMPLE

CODE = {"question_id": "q", "question_content": "Add.", "output_list": ["So x."], "code_list": ["x"]}


def put(folder, name, *rows):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(map(json.dumps, rows)))
    return path


CASES = {
    "evalscope": ("predictions/m/sums.jsonl", [PREDICTION], "reviews/m/sums.jsonl", [REVIEW]),
    "opencompass": ("predictions/m/sums.json", [{"0": SAMPLE}], "results/m/sums.json", [RESULT]),
    "a shard": ("predictions/m/sums_1.json", [{"0": SAMPLE}], "results/m/sums.json", [RESULT]),
    "livecodebench": ("m/gen.json", [[CODE]], "m/gen_eval_all.json", [[{**CODE, "graded_list": [True]}]]),
}


@pytest.mark.parametrize("name", CASES)
def test_the_judged_copy_of_responses_is_read_and_the_other_is_left_out_with_a_warning(name, tmp_path):
    first, rows, second, judged_rows = CASES[name]
    path, judged = put(tmp_path, first, *rows), put(tmp_path, second, *judged_rows)
    for paths in (tmp_path, [path, judged], [judged, path]):
        reader = TraceReader(paths)
        assert all(trace.correct is not None for trace in reader)
        assert reader.input_paths == [str(judged)]
        assert reader.report.warnings == [f"{path} is left out, as {judged} holds the same responses with verdicts"]
    alone = TraceReader(path)
    assert [trace.correct for trace in alone] == [None]
    assert alone.report.warnings == []


def test_files_of_other_tools_in_folders_of_these_names_are_all_read(tmp_path):
    row = {"prompt": "2+2?", "response": "It is 4."}
    paths = [put(tmp_path, f"{folder}/m/sums.jsonl", row) for folder in ("predictions", "results", "reviews")]
    put(tmp_path, "predictions/m/only.json", {"0": SAMPLE})
    files, warnings = find_input_files(tmp_path)
    assert leave_out_copies(files, Caps(), warnings) == files
    assert (len(files), warnings) == (len(paths) + 1, [])


def test_results_without_details_do_not_replace_the_predictions(tmp_path):
    path = put(tmp_path, "predictions/m/sums.json", {"0": SAMPLE})
    put(tmp_path, "results/m/sums.json", {"accuracy": 50.0})
    reader = TraceReader(tmp_path)
    assert [trace.text for trace in reader] == ["It is 4"]
    assert reader.input_paths == [str(path)]


def test_what_a_path_is_renamed_from_and_to_differ():
    for dialect in all_dialects().values():
        assert dialect.judged_copy is None or dialect.judged_copy[0] != dialect.judged_copy[1]
