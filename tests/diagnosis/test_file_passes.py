"""A diagnosis by file, as tasks of an engine, is that of all files together."""

import json
from dataclasses import replace

import pytest

from sgram.diagnosis.diagnose_traces import CorpusDiagnosis
from sgram.diagnosis.diagnosis_passes import DiagnosisTools
from sgram.diagnosis.file_passes import DiagnosisSettings, FilePasses
from sgram.errors import QuarantineError
from sgram.files import data_path
from sgram.lexicon import Lexicon
from sgram.traces import ReadOptions, TraceReader, read_traces, write_traces
from tests.builders.pickled_tasks import PickledTasks

SETTINGS = DiagnosisSettings(Lexicon.load("sgram"))
SAMPLE = list(read_traces(data_path("sample_traces.jsonl")))


def by_file(folder, max_diagnosed=None, **options):
    """Return the diagnosis as tasks, with its reader."""
    reader = TraceReader(folder, options=ReadOptions(**options))
    return CorpusDiagnosis(
        passes=FilePasses(reader, "auto", SETTINGS, PickledTasks()), max_diagnosed=max_diagnosed
    ), reader


def together(folder, tools: DiagnosisTools, max_diagnosed=None, **options):
    """Return the diagnosis of all files, read one after the other, with its reader."""
    reader = TraceReader(folder, options=ReadOptions(**options))
    corpus = CorpusDiagnosis(
        lambda stage: reader.reread(), tools.find_spans, tools.answers, grade=tools.grade, max_diagnosed=max_diagnosed
    )
    return corpus, reader


def contents(corpus):
    """Return what a diagnosis yields and counts."""
    rows = [(trace.id, trace.text, diagnosis, corpus.weight(trace)) for trace, diagnosis in corpus]
    return rows, corpus.report, corpus.accuracy


@pytest.mark.parametrize("max_diagnosed", [None, 9])
def test_groups_that_lie_in_several_files(tmp_path, max_diagnosed):
    # the sample's groups have three traces each, one of each model: here each model is a file
    for number, model in enumerate(sorted({trace.model for trace in SAMPLE})):
        write_traces([trace for trace in SAMPLE if trace.model == model], tmp_path / f"{number}.jsonl")
    with SETTINGS.tools() as tools:
        expected = contents(together(tmp_path, tools, max_diagnosed)[0])
    assert contents(by_file(tmp_path, max_diagnosed)[0]) == expected
    assert len(expected[0]) == (40 if max_diagnosed is None else 9)  # 14 + 14 + 12 wrong traces
    assert expected[1].with_siblings > 0


def test_ids_of_several_files_and_answers_to_judge(tmp_path):
    unjudged = [replace(trace, correct=None) for trace in SAMPLE[:60]]
    write_traces(unjudged[:40], tmp_path / "a.jsonl")
    write_traces(
        [*unjudged[20:], *(replace(trace, text=f"{trace.text} So.") for trace in unjudged[:9])], tmp_path / "b.jsonl"
    )
    with SETTINGS.tools() as tools:
        expected = contents(together(tmp_path, tools)[0])
    corpus, _ = by_file(tmp_path)
    assert contents(corpus) == expected
    assert corpus.report.traces == 69  # 60 and 9 with the same ids and other texts; 20 are in both files


def test_rejected_rows_of_all_files_are_in_one_quarantine(tmp_path):
    folder = tmp_path / "rollouts"
    folder.mkdir()
    for name in ("a", "b"):
        rows = [json.dumps({"id": f"{name}{number}", "text": "so", "correct": True}) for number in range(150)]
        (folder / f"{name}.jsonl").write_text("\n".join([*rows, '{"text": "cut']))
    quarantines = []
    for way in ("together", "by file"):
        quarantine = tmp_path / f"{way}.jsonl"
        if way == "together":
            reader = TraceReader(folder, options=ReadOptions(quarantine=quarantine))
            assert len(list(reader)) == 300
        else:
            corpus, reader = by_file(folder, quarantine=quarantine)
            assert list(corpus) == []
        quarantines.append((quarantine.read_bytes(), reader.report.reasons, reader.report.rows_in))
    assert quarantines[0] == quarantines[1]
    assert quarantines[0][0].count(b"\n") == 2
    corpus, _ = by_file(folder, max_bad=0.001, quarantine=tmp_path / "few.jsonl")
    with pytest.raises(QuarantineError, match="2 of 302 rows"):
        list(corpus)
