"""Logs written by Inspect itself."""

import pytest

from sgram.errors import InputError, MissingExtraError, UsageError
from sgram.traces import ReadOptions, TraceReader, read_traces

GRADES = {("sum", 1): ("C", "4"), ("sum", 2): ("I", "5"), ("pair", 1): ("P", None), ("pair", 2): (None, None)}


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    pytest.importorskip("inspect_ai", reason="inspect-ai is an extra")
    from inspect_ai.log import EvalConfig, EvalDataset, EvalLog, EvalSample, EvalSpec, write_eval_log
    from inspect_ai.model import ChatMessageAssistant, ChatMessageUser, ContentReasoning, ContentText, ModelOutput
    from inspect_ai.scorer import Score

    def sample(name: str, epoch: int) -> EvalSample:
        value, answer = GRADES[name, epoch]
        content = [ContentReasoning(reasoning=f"Hmm, {name} {epoch}."), ContentText(text=f"So it is {answer}.")]
        question, answer_message = ChatMessageUser(content=f"{name}?"), ChatMessageAssistant(content=content)
        output = ModelOutput.from_content("m", "")
        output.choices[0].message = answer_message
        scores = {} if value is None else {"match": Score(value=value, answer=answer)}
        return EvalSample(
            id=name,
            epoch=epoch,
            input=[question],
            target="4",
            messages=[question, answer_message],
            output=output,
            scores=scores,
        )

    spec = EvalSpec(
        run_id="run",
        created="2026-01-01T00:00:00+00:00",
        task="arith",
        model="openai/gpt-oss-20b",
        dataset=EvalDataset(name="d", samples=2, sample_ids=["sum", "pair"]),
        config=EvalConfig(epochs=2),
    )
    written = EvalLog(status="success", eval=spec, samples=[sample(*key) for key in GRADES])
    folder = tmp_path_factory.mktemp("logs")
    for name in ("arith.eval", "arith.json"):
        write_eval_log(written, str(folder / name))
    return folder / "arith.eval"


def test_samples_epochs_and_scores_are_read(log):
    traces = {trace.id: trace for trace in read_traces(log)}
    assert set(traces) == {"run/sum/1", "run/sum/2", "run/pair/1", "run/pair/2"}
    first = traces["run/sum/1"]
    assert (first.group, first.prompt, first.text) == ("arith/sum", "sum?", "Hmm, sum 1.\n\nSo it is 4.")
    assert (first.reward, first.correct, first.answer, first.reference) == (1.0, True, "4", "4")
    assert first.model == "openai/gpt-oss-20b"
    assert [first.text[part["start"] : part["end"]] for part in first.meta["parts"]] == ["Hmm, sum 1.", "So it is 4."]
    assert (first.meta["task"], first.meta["epoch"], first.meta["scores"]) == ("arith", 1, {"match": "C"})
    assert [(trace.reward, trace.correct) for trace in traces.values()] == [
        (1.0, True),
        (0.0, False),
        (0.5, None),
        (None, None),
    ]


def test_a_folder_of_logs_is_searched_and_progress_is_reported(log):
    reader = TraceReader(log.parent)
    assert len(list(reader)) == 4
    assert reader.report.dialects == {"inspect": 4}
    assert reader.bytes_read == reader.bytes_total == log.stat().st_size


def test_a_json_log_is_read_when_the_dialect_is_named(log):
    packed, plain = list(read_traces(log)), list(read_traces(log.with_suffix(".json"), dialect="inspect"))
    assert sorted(packed, key=lambda trace: trace.id) == sorted(plain, key=lambda trace: trace.id)


def test_another_dialect_cannot_read_a_log(log):
    with pytest.raises(UsageError, match="is read by the dialect inspect alone; name it or auto"):
        TraceReader(log, dialect="trl")


def test_scores_may_be_weighted(log):
    reader = TraceReader(log, options=ReadOptions(rewards={"match": 3.0}))
    assert [trace.reward for trace in reader] == [3.0, 0.0, 1.5, None]  # 3 * C, I, P; the last has no score
    with pytest.raises(UsageError, match="no reward is called 'mach'; the numbers here are: match"):
        list(TraceReader(log, options=ReadOptions(rewards={"mach": 3.0})))


def test_a_cut_log_raises_an_input_error(log, tmp_path):
    path = tmp_path / "cut.eval"
    path.write_bytes(log.read_bytes()[:-30])
    with pytest.raises(InputError, match=r"cut\.eval is not an Inspect log: File is not a zip file"):
        list(read_traces(path))


def test_damage_inside_a_log_costs_its_sample_only(log, tmp_path):
    content = bytearray(log.read_bytes())
    at = content.find(b"samples/sum_epoch_2.json") + 60
    content[at : at + 40] = bytes(40)
    path = tmp_path / "damaged.eval"
    path.write_bytes(content)
    reader = TraceReader(path, options=ReadOptions(max_bad=0.5))
    assert [trace.id for trace in reader] == ["run/sum/1", "run/pair/1", "run/pair/2"]
    (file,) = reader.report.files
    assert file.first_fault.startswith(f"{path}:2: sample cannot be read: ")


def test_a_missing_library_raises_an_error_with_the_pip_command(log, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "inspect_ai.log", None)
    monkeypatch.setitem(__import__("sys").modules, "inspect_ai", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'sgram\[inspect\]'"):
        list(read_traces(log))
