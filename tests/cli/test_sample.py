"""``sgram sample`` as people call it: a model in a folder, an endpoint, a report of two files."""

import json

import pytest

torch = pytest.importorskip("torch", reason="needs sgram[train]")
pytest.importorskip("transformers", reason="needs sgram[train]")

from sgram.cli import main  # noqa: E402
from sgram.training.models import LoadedModel, save_model  # noqa: E402
from tests.builders import tiny_policy  # noqa: E402
from tests.builders.judge_endpoint import completion, serving  # noqa: E402

FLAGS = ("-n", 2, "--max-tokens", 5)


def call(capsys, *arguments):
    """(exit code, stdout, stderr)"""
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return ended.value.code, captured.out, captured.err


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """The folder of a policy of random weights."""
    folder = tmp_path_factory.mktemp("models") / "tiny"
    with torch.random.fork_rng():
        save_model(LoadedModel(tiny_policy.model(), tiny_policy.tokenizer()), folder)
    return folder


@pytest.fixture
def problems(tmp_path):
    """Three problems with answers, one of them held out, and a prompt without one, as messages."""
    rows = [
        {"id": f"p{number}", "question": text, "answer": "#### 4"} for number, text in enumerate(["A?", "B?", "C?"])
    ]
    rows[1]["split"] = "test"
    rows.append({"id": "chat", "prompt": [{"role": "user", "content": "How many?"}]})
    path = tmp_path / "problems.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_sampling_writes_rows_that_a_report_reads(model, problems, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, out, err = call(capsys, "sample", "--model", model, "--problems", problems, *FLAGS, "-o", "a.jsonl.gz")
    assert code == 0, err
    assert out == "a.jsonl.gz\n"
    assert err.startswith(f"2 responses to each of 4 problems from {model}: prompts are plain text: the tokenizer of")
    assert "3 problems with an answer end with 'Put your final answer in \\boxed{}.' (--instruction)" in err
    assert "1 problems have no answer: their responses are not graded" in err
    assert "8 responses written to a.jsonl.gz" in err
    assert "next: sgram report a.jsonl.gz --tokenizer a.jsonl.gz.tokenizer.json" in err
    arguments = ("sample", "--model", model, "--problems", problems, *FLAGS, "--seed", 1, "-o", "b.jsonl.gz", "--json")
    code, out, _ = call(capsys, *arguments)
    document = json.loads(out)
    assert (code, document["n_samples"], document["n_judged"], document["n_missing"]) == (0, 8, 6, 0)
    code, out, err = call(capsys, "metrics", "a.jsonl.gz", "b.jsonl.gz", "--placebos", 1, "--table", "success")
    assert code == 0, err
    assert "pass@2" in out
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        *("a.jsonl.gz", "a.jsonl.gz.tokenizer.json", "b.jsonl.gz", "b.jsonl.gz.tokenizer.json", "problems.jsonl")
    ]


def test_a_dry_run_counts_and_writes_nothing(model, problems, tmp_path, capsys):
    code, out, _ = call(capsys, "sample", "--model", model, "--problems", problems, *FLAGS, "--dry-run")
    assert code == 0
    assert "8 responses to 4 problems" in out
    assert "at most 40 of responses" in out  # 8 responses of 5 tokens
    assert "at most" in out.splitlines()[-1]
    code, out, _ = call(capsys, "sample", "--model", model, "--problems", problems, *FLAGS, "--dry-run", "--json")
    plan = json.loads(out)
    assert (plan["responses"], plan["max_response_tokens"]) == (8, 40)
    assert plan["max_seconds"] > 0
    assert [path.name for path in tmp_path.iterdir()] == ["problems.jsonl"]


def test_a_split_is_that_of_training(model, problems, tmp_path, capsys):
    arguments = ("sample", "--model", model, "--problems", problems, *FLAGS, "--split", "test", "--json")
    code, _, err = call(capsys, *arguments, "-o", tmp_path / "out.jsonl")
    assert code == 0, err
    groups = {json.loads(line)["group"] for line in (tmp_path / "out.jsonl").read_text().splitlines()}
    assert "p1" in groups, "its row says test"
    assert len(groups) < 4
    code, _, err = call(capsys, *arguments[:-3], "--limit", 1, "-o", tmp_path / "out.jsonl")
    assert code == 0, err
    assert {json.loads(line)["group"] for line in (tmp_path / "out.jsonl").read_text().splitlines()} == {"p0"}


@pytest.mark.allow_hosts(["127.0.0.1"])
def test_an_endpoint_is_sampled_by_its_url(problems, tmp_path, capsys):
    with serving(lambda body, number: completion("\\boxed{4}")) as server:
        arguments = ("sample", "--model", server.url, "--problems", problems, *FLAGS, "-o", tmp_path / "out.jsonl")
        code, _, err = call(capsys, *arguments, "--model-name", "m")
        assert code == 0, err
        assert "from m: prompts are sent as chats" in err
        assert "6 of 6 judged responses are correct" in err
        code, _, err = call(capsys, *arguments)
        assert (code, "give --model-name" in err) == (2, True)
        code, out, _ = call(capsys, *arguments, "--model-name", "m", "--dry-run")
        assert (code, "unknown: nothing is asked of an endpoint" in out) == (0, True)
        assert len(server.bodies) == 8
    with serving(lambda body, number: (500, {"Retry-After": "0"}, b"broken")) as server:
        arguments = ("--model", server.url, "--model-name", "m", "--problems", problems)
        code, _, err = call(capsys, "sample", *arguments, "-o", tmp_path / "none.jsonl")
    assert code == 1
    assert "gave no reply in 6 tries (status 500: broken); run the same command again" in err
    assert not (tmp_path / "none.jsonl").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("-o", "out.csv"), 2, "rollouts are written as .jsonl"),
        ((), 2, "-o is missing: name a file"),
        (("-o", "out.jsonl", "--temperature", "0"), 2, "use -n 1"),
        (("-o", "out.jsonl", "--model-name", "m"), 2, "give the endpoint's URL with --model"),
        (("-o", "out.jsonl", "--batch-size", "0"), 2, "the batch size must be >= 1"),
        (("-o", "problems.jsonl"), 2, "is an input; write to another file"),
        (("-o", "out.jsonl", "--max-tokens", "5000"), 3, "positions of"),
        (("-o", "out.jsonl", "--system", "Be brief."), 2, "--system needs a chat"),
    ],
)
def test_invalid_calls_are_refused_with_what_to_do(
    model, problems, tmp_path, capsys, monkeypatch, arguments, code, message
):
    monkeypatch.chdir(tmp_path)
    result = call(capsys, "sample", "--model", model, "--problems", "problems.jsonl", *arguments)
    assert (result[0], message in result[2]) == (code, True), result[2]


def test_problems_without_a_prompt_are_refused(model, tmp_path, capsys):
    (tmp_path / "rows.jsonl").write_text('{"text": "Two?"}\n')
    arguments = ("--model", model, "--problems", tmp_path / "rows.jsonl", "-o", tmp_path / "out.jsonl")
    code, _, err = call(capsys, "sample", *arguments)
    assert code == 3
    assert "rows.jsonl:1: a field is missing: problem, question or prompt" in err
