"""The command on labeled texts made here, and on those of people where they are present."""

import json

import pytest

from sgram.cli import main
from sgram.lexicon import Lexicon
from tests.builders.paths import ROOT

PLANS = ["Wait, let me check.", "Hmm, maybe not.", "Alternatively, let me see.", "Let me check that."]
UNKNOWN = "[UNK]"
STEPS = ["So the sum is large.", "Now it follows.", "That is the sum.", "The sum is odd.", "We add the two."]


def row(name, parts, problem=""):
    text, units = "", []
    for label, words in parts:
        units.append({"start": len(text), "end": len(text) + len(words), "label": label})
        text += words + "\n"
    return {"id": name, "text": text, "units": units, "problem": problem}


def rows(n=12, plan="planning", step="fact"):
    return [
        row(f"d{at:02}", [(plan, PLANS[at % 4]), *((step, STEPS[(at + k) % 5]) for k in range(3))], f"p{at // 2}")
        for at in range(n)
    ]


def written(path, documents):
    path.write_text("".join(json.dumps(document) + "\n" for document in documents), encoding="utf-8")
    return path


@pytest.fixture
def labels(tmp_path):
    return written(tmp_path / "labels.jsonl", rows())


@pytest.fixture
def mine(tmp_path):
    Lexicon.from_grams(["let me", "hmm", "alternatively", "so", "wait"], name="mine").save(tmp_path / "mine.json")
    return tmp_path / "mine.json"


def validate(capsys, *arguments):
    with pytest.raises(SystemExit) as exit_info:
        main(["validate", *map(str, arguments), "--draws", "20"])
    return exit_info.value.code, *capsys.readouterr()


def validation_json(capsys, *arguments):
    code, out, _ = validate(capsys, *arguments, "--json")
    assert (code, out.count("\n")) == (0, 1)
    return json.loads(out)


def refused(capsys, *arguments):
    code, out, err = validate(capsys, *arguments)
    assert out == ""
    assert err.count("\n") == 1
    return code, err


def test_tables_and_a_verdict_are_printed(capsys, mine, labels):
    code, out, err = validate(capsys, mine, "--labels", labels)
    assert code == 0
    assert "labels.jsonl: 48 units in 12 documents on 6 problems" in out
    assert "positive: planning (12 units, base rate .25)" in out
    for line in ("mine", "wang2025", "wang2025, 2+ words", "placebo, mean of 5", "hurts most", "helps most"):
        assert line in out
    assert sum(line.endswith(").") for line in out.splitlines()) == 1  # the verdict
    assert "kinds of masks, sentences by the scorer sgram" in out
    assert "--by problem" in err
    tables = [line for line in out.splitlines()[4:15] if not line.startswith("the placebo")]
    assert max(map(len, tables)) <= 80


def test_everything_is_told_as_json(capsys, mine, labels):
    document = validation_json(capsys, mine, "--labels", labels, "--by", "problem", "--top", "1")
    assert (document["format"], document["version"], document["seed"], document["draws"]) == (
        "sgram-validation",
        1,
        0,
        20,
    )
    (label_set,) = document["label_sets"]
    assert (label_set["name"], label_set["positive"], label_set["n_documents"], label_set["n_problems"]) == (
        "labels.jsonl",
        ["planning"],
        12,
        6,
    )
    assert [row_["name"] for row_ in label_set["rows"]] == ["mine", "wang2025", "wang2025, 2+ words"]
    ours = label_set["rows"][0]["units"]
    # 12 plans; "So the sum ..." is in the documents with at % 5 in (0, 3, 4), 7 of 12
    assert (ours["n_marked"], ours["n_hits"]) == (19, 12)
    assert ours["precision"]["value"] == pytest.approx(12 / 19)
    assert [row_["gram"] for row_ in label_set["worst"]] == ["so"]
    assert label_set["rows"][0]["n_groups"] == 6


def test_the_same_command_says_the_same(capsys, mine, labels, tmp_path):
    (tmp_path / "other").mkdir()
    shuffled = written(tmp_path / "other" / "labels.jsonl", rows()[::-1])
    first, again = (validation_json(capsys, mine, "--labels", file) for file in (labels, shuffled))
    assert first == again
    assert validation_json(capsys, mine, "--labels", labels, "--seed", 1) != first


def test_label_sets_are_told_one_after_the_other(capsys, mine, labels, tmp_path):
    second_file = written(tmp_path / "more.jsonl", rows(6, "strategic", "procedural"))
    document = validation_json(capsys, mine, "--labels", labels, "--labels", second_file)
    assert [
        (label_set["name"], label_set["positive"], label_set["n_documents"]) for label_set in document["label_sets"]
    ] == [("labels.jsonl", ["planning"], 12), ("more.jsonl", ["strategic"], 6)]


def test_other_labels_can_be_the_positive_ones(capsys, mine, labels):
    (label_set,) = validation_json(capsys, mine, "--labels", labels, "--positive", "fact")["label_sets"]
    assert label_set["rows"][0]["base_rate"] == 0.75


def test_lists_stand_beside(capsys, mine, labels, tmp_path):
    Lexicon.from_grams(["the sum"]).save(tmp_path / "sums.json")
    (label_set,) = validation_json(capsys, mine, "--labels", labels, "--beside", f"sums={tmp_path / 'sums.json'}")[
        "label_sets"
    ]
    assert label_set["rows"][-1]["name"] == "sums"
    assert label_set["rows"][-1]["units"]["precision"]["value"] == 0.0


def test_a_figure_is_written(capsys, mine, labels, tmp_path):
    pytest.importorskip("matplotlib", reason="figures need matplotlib")
    first, again = tmp_path / "a.svg", tmp_path / "b.svg"
    for path in (first, again):
        code, _, err = validate(capsys, mine, "--labels", labels, "--figure", path)
        assert code == 0
        assert f"figure written to {path}" in err
    assert first.read_bytes() == again.read_bytes()


def test_a_cut_lexicon_is_written_and_knows_its_labels(capsys, mine, labels, tmp_path):
    cut = tmp_path / "cut.json"
    code, out, err = validate(capsys, mine, "--labels", labels, "--min-precision", 0.9, "-o", cut)
    assert code == 0
    pruned = Lexicon.load(cut)
    assert "so" not in {gram.text for gram in pruned.grams}
    assert pruned.source["pruning"][0]["min_precision"] == 0.9
    assert "out of 5 folds" in out
    assert f"of 5 grams written to {cut}" in err
    code, _, err = validate(capsys, cut, "--labels", labels)
    assert (code, err.count("in-sample")) == (0, 1)


def test_tokens_can_be_counted(capsys, mine, labels, tmp_path):
    tokenizers = pytest.importorskip("tokenizers", reason="tokenizers comes with the embedder")
    tokenizer = tokenizers.Tokenizer(tokenizers.models.WordLevel({UNKNOWN: 0}, unk_token=UNKNOWN))
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.WhitespaceSplit()
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    (label_set,) = validation_json(capsys, mine, "--labels", labels, "--tokenizer", tmp_path / "tokenizer.json")[
        "label_sets"
    ]
    assert label_set["rows"][0]["piece_name"] == "tokens"
    assert label_set["rows"][0]["pieces"]["n"] == sum(len(document["text"].split()) for document in rows())


def test_a_hostile_text_moves_no_terminal(capsys, mine, tmp_path):
    hostile = "so \x1b[31m\u202e [bold]"
    documents = [*rows(4), row("a99", [("fact", hostile)] * 9)]
    code, out, err = validate(capsys, mine, "--labels", written(tmp_path / "l.jsonl", documents))
    assert code == 0
    assert not {"\x1b", "\u202e"} & set(out + err)
    assert "[bold]" in out


@pytest.mark.parametrize(
    ("flags", "code", "sentence"),
    [
        (["--min-precision", "1"], 2, "--min-precision must be between 0 and 1 (got 1)"),
        (["--min-precision", "nan"], 2, "--min-precision must be between 0 and 1"),
        (["-o", "x.json"], 2, "give its precision with --min-precision"),
        (["--min-precision", "0.9", "-o", "-"], 2, "name a file for the pruned lexicon"),
        (["--draws", "0"], 2, "--draws must be >= 1"),
        (["--figure", "pr.gif"], 2, "pr.gif: a figure's name must end in .svg, .png, .pdf"),
        (["--beside", "paper"], 2, "write name=lexicon"),
        (["--beside", "a=wang2025", "--beside", "a=wang2025"], 2, "--beside has the name a twice"),
        (["--positive", "plan"], 3, "no unit is labeled 'plan'; the labels are fact (36), planning (12)"),
        (["--candidates", "missing.parquet"], 3, "cannot read missing.parquet"),
        (["--by", "model"], 2, "--by"),
    ],
)
def test_what_cannot_be_meant_is_refused(capsys, mine, labels, flags, code, sentence):
    with pytest.raises(SystemExit) as exit_info:
        main(["validate", str(mine), "--labels", str(labels), *flags])
    out, err = capsys.readouterr()
    assert (exit_info.value.code, out) == (code, "")
    assert sentence in err
    assert "Traceback" not in err


def test_labels_that_cannot_be_used_are_refused(capsys, mine, labels, tmp_path):
    empty = tmp_path / "empty.jsonl"
    empty.write_text("")
    assert refused(capsys, mine, "--labels", empty)[0] == 3
    bare = written(tmp_path / "bare.jsonl", [row("a", [])])
    assert "has no labeled unit" in refused(capsys, mine, "--labels", bare)[1]
    code, err = refused(capsys, mine, "--labels", written(tmp_path / "f.jsonl", rows(3, "fact", "result")))
    assert (code, "has no positive unit; its labels are result (9), fact (3)" in err) == (3, True)
    Lexicon.from_grams(["so"], name="steps").save(mine)
    code, _, err = validate(capsys, mine, "--labels", labels, "--min-precision", "0.99")
    assert (code, "no threshold gives steps a precision of 0.99" in err) == (3, True)


def test_a_lexicon_that_occurs_nowhere_is_refused(capsys, labels, tmp_path):
    Lexicon.from_grams(["qui vive", "bonjour"], name="other").save(tmp_path / "other.json")
    code, err = refused(capsys, tmp_path / "other.json", "--labels", labels)
    assert (code, "none of the 2 grams of other occurs in labels.jsonl" in err) == (3, True)


def test_inputs_are_not_written_over(capsys, mine, labels):
    code, err = refused(capsys, mine, "--labels", labels, "--min-precision", "0.9", "-o", mine)
    assert (code, "is an input" in err) == (2, True)
    code, err = refused(capsys, "-", "--labels", "-")
    assert (code, "only one of the inputs can come from stdin" in err) == (2, True)


PEOPLE = ROOT.parent / "shared" / "data" / "labels" / "reasoningflow_human.jsonl.gz"


@pytest.mark.skipif(not PEOPLE.exists(), reason="the labeled sets are not here")
def test_the_published_list_on_labels_of_people(capsys):
    code, out, _ = validate(capsys, "wang2025", "--labels", PEOPLE)
    assert code == 0
    assert "5,408 units in 51 documents on 48 problems" in out
    (line,) = [line for line in out.splitlines() if line.startswith("wang2025  ")][:1]
    assert " .37 [" in line
    assert " .57 [" in line
    (label_set,) = validation_json(capsys, "wang2025", "--labels", PEOPLE, "--annotator", "A")["label_sets"]
    assert label_set["n_documents"] == 10
