"""``sgram agreement``, run as a user runs it: through `main`, with what it prints and its exit code."""

import json

import pytest

from sgram.annotation.items import Item, Sample, encode_sample
from sgram.annotation.ratings import Rating, write_ratings
from sgram.cli import main
from sgram.lexicon import Lexicon
from tests.builders.latex_check import check_latex

pytest.importorskip("krippendorff", reason="krippendorff comes with the extra validate")
pytest.importorskip("statsmodels", reason="statsmodels comes with the extra validate")

DIGEST = Lexicon.load("wang2025").digest
LABELS = {"b": "branching", "d": "deduction", "p": "procedural", "s": "strategic"}
# items s0 to s4 are SGs, c0 to c4 controls; a row a rater
ROWS = {"anna": "bbdbp pppdp", "ben": "bbdpb ppppp", "chi": "bdd*b pppdp"}


@pytest.fixture(autouse=True)
def terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")


@pytest.fixture
def run(capsys):
    def call(*arguments):
        with pytest.raises(SystemExit) as exit_info:
            main(["agreement", *map(str, arguments)])
        printed = capsys.readouterr()
        return exit_info.value.code, printed.out, printed.err

    return call


def rated(rows=None):
    items = [*(f"s{n}" for n in range(5)), *(f"c{n}" for n in range(5))]
    return [
        Rating(item, rater, LABELS[label])
        for rater, row in (ROWS if rows is None else rows).items()
        for item, label in zip(items, row.replace(" ", ""), strict=False)
        if label != "*"
    ]


@pytest.fixture
def ratings(tmp_path):
    path = tmp_path / "ratings.jsonl"
    write_ratings(path, rated())
    return path


@pytest.fixture
def items(tmp_path):
    text = "First, \x1b[31mwait a moment, this is wrong."
    kinds = {"sg": (0, "branching"), "control": (None, None)}
    rows = [
        Item(f"{kind[0]}{n}", kind, "wait", *kinds[kind], "trace", None, text, 12, 16)
        for kind in kinds
        for n in range(5)
    ]
    path = tmp_path / "items.jsonl"
    path.write_bytes(encode_sample(Sample(DIGEST, 0, tuple(rows))))
    return path


def line(out: str, beginning: str) -> list[str]:
    return next(text_line.split() for text_line in out.splitlines() if text_line.startswith(beginning))


def test_the_tables_say_what_was_measured_and_how_far_raters_agree(run, ratings):
    code, out, err = run(ratings)
    assert (code, err) == (0, "")
    assert out.splitlines()[:2] == [
        "10 items, 3 raters, 29 ratings; 3.3 % of items x raters missing.",
        "Items with two ratings or more: 10; rated by all: 9. 95 % intervals from 1,000 draws of items, seed 0.",
    ]
    # pairs that agree: s0 1, s1 1/3, s2 1, s3 0, s4 1/3, then 1, 1, 1, 1/3, 1: 7 of 10
    assert line(out, "percent agreement")[2] == "0.700"
    # 14 of 29: anna 5, ben 4, chi 5
    assert line(out, "strategic ")[1:3] == ["48.3", "%"]
    assert "procedural" not in out.partition("raters ")[0].partition("against the rest")[2]
    assert line(out, "anna, ben")[2:4] == ["10", "0.700"]
    assert line(out, "anna ")[1:4] == ["10", "50.0", "%"]
    assert "Agreement on 3 labels: Krippendorff's alpha is 0." in out
    assert "Agreement on strategic or not: Krippendorff's alpha is 0." in out
    assert "judged strategic" not in out


def test_the_share_judged_strategic_stands_beside_the_paper_s(run, ratings, items):
    code, out, _ = run(ratings, "--items", items, "--lexicon", "wang2025")
    assert code == 0
    # s3 is tied (b, p), s4 strategic by 2 of 3: 4.5 of 5, Wilson .726 -+ .263; c3 strategic by 2 of 3: 1 of 5
    assert line(out, "SGs")[1:] == ["90.0", "%", "46.3", "to", "98.9", "5", "of", "5", "1"]
    assert line(out, "controls")[1:3] == ["20.0", "%"]
    assert line(out, "difference")[1] == "+70.0"
    assert "90.0 % of the SGs and 20.0 % of the controls. The paper (HICRA, its ICLR 2026 version) states 86 %" in out


def test_items_in_dispute_are_shown_in_context_with_nothing_that_moves_a_terminal(run, ratings, items):
    _, out, err = run(ratings, "--items", items, "--top", 1)
    disputes = out[out.index("disputed item") :].splitlines()
    # one bit each: s3 (b, p); thirds, .918 bits: s1, s4, c3
    assert disputes[1].startswith("s3             1.00  branching 1, procedural 1  First, \\x1b[31m[wait] a moment")
    assert "\x1b" not in out
    assert "3 more items in dispute; --disputes shows all" in err
    _, out, err = run(ratings, "--disputes")
    assert [row.split()[0] for row in out[out.index("disputed item") :].splitlines()[1:5]] == ["s3", "c3", "s1", "s4"]
    assert "more items" not in err
    assert "disputed item" not in run(ratings, "--top", 0)[1]


def test_json_tells_all_and_is_the_same_for_any_order(run, ratings, items, tmp_path):
    code, out, err = run(ratings, "--items", items, "--json", "--draws", 200, "--seed", 7)
    assert (code, err) == (0, "")
    document = json.loads(out)
    assert (document["format"], document["version"], document["seed"], document["draws"]) == (
        "sgram-agreement",
        1,
        7,
        200,
    )
    assert (document["n_items"], document["n_raters"], document["n_ratings"], document["lexicon"]) == (
        10,
        3,
        29,
        DIGEST,
    )
    assert document["judged_strategic"]["sg"]["value"] == 0.9
    assert [row["item"] for row in document["disputes"]] == ["s3", "c3", "s1", "s4"]
    assert len(document["overall"]["pairs"]) == 3
    assert len(document["verdicts"]) == 3
    turned = tmp_path / "turned.jsonl"
    turned.write_bytes(b"\n".join(reversed(ratings.read_bytes().splitlines())))
    assert run(turned, "--items", items, "--json", "--draws", 200, "--seed", 7)[1] == out
    assert run(ratings, "--items", items, "--json", "--draws", 200, "--seed", 8)[1] != out


def test_many_pairs_and_raters_are_cut_and_told(run, tmp_path):
    path = tmp_path / "many.jsonl"
    write_ratings(path, rated({f"r{n}": "bdpbd" for n in range(6)} | {"s0": "*****bpd"}))
    _, out, err = run(path)
    assert sum(text_line.startswith("r") and ", r" in text_line for text_line in out.splitlines()) == 10
    assert "5 more pairs; --json lists all" in err
    assert "pairs of raters without a common item: 6" in err
    write_ratings(path, rated({f"r{n:02}": "bdpbd" for n in range(23)}))
    assert "3 more raters; --json lists all" in run(path, "--draws", 2)[2]


def test_other_people_s_labels_are_named(run, tmp_path):
    path = tmp_path / "units.jsonl"
    path.write_text(
        "".join(
            json.dumps({"doc_id": "d", "start": n, "end": n + 1, "labels": {"A": first, "D": second}}) + "\n"
            for n, (first, second) in enumerate([("planning", "planning"), ("fact", "other"), ("other", "planning")])
        )
    )
    assert "strategic" not in run(path)[1]
    _, out, _ = run(path, "--strategic", "planning", "--strategic", "other")
    assert line(out, "strategic ")[1:3] == ["83.3", "%"]
    code, _, err = run(path, "--strategic", "plan")
    assert (code, err) == (2, "sgram: no rating has the label 'plan'; the labels are 'fact', 'other', 'planning'\n")


# -- files for a paper -----------------------------------------------------------------------------------


def test_the_section_the_numbers_and_the_figure_are_written(run, ratings, items, tmp_path):
    files = {name: tmp_path / f"paper.{name}" for name in ("tex", "md", "csv", "pdf")}
    flags = ("--latex", files["tex"], "--markdown", files["md"], "--csv", files["csv"], "--figure", files["pdf"])
    code, _, err = run(ratings, "--items", items, *flags)
    assert code == 0
    assert "raters in these files: R1 is anna, R2 is ben, R3 is chi" in err
    latex, markdown = files["tex"].read_text(), files["md"].read_text()
    assert check_latex(latex) == {"table": 4, "tabular": 4, "figure": 1}
    assert "\\includegraphics[width=0.8\\linewidth]{paper.pdf}" in latex
    assert "90.0\\% [46.3\\%, 98.9\\%] of the 5 rated Strategic Grams" in latex
    assert "![Confusion matrix](<paper.pdf>)" in markdown
    assert files["csv"].read_text().startswith("statistic,question,rater_1,rater_2,label_1,label_2,value,low,high,n,")
    assert files["pdf"].read_bytes().startswith(b"%PDF")
    assert not [name for name in ("anna", "ben,") if name in latex + markdown + files["csv"].read_text()]
    before = [path.read_bytes() for path in files.values()]
    run(ratings, "--items", items, *flags)
    assert [path.read_bytes() for path in files.values()] == before
    run(ratings, "--latex", files["tex"], "--rater-names")
    assert "anna, ben" in files["tex"].read_text()


def test_a_figure_that_latex_cannot_include_leaves_the_matrix_as_a_table(run, ratings, tmp_path):
    _, _, err = run(ratings, "--latex", tmp_path / "a.tex", "--figure", tmp_path / "c.svg")
    assert "LaTeX cannot include" in err
    assert "tab:agreement-confusion" in (tmp_path / "a.tex").read_text()


def test_json_has_the_paragraph_and_the_matrix_and_verdicts_are_counted(run, ratings, tmp_path):
    verdicts = tmp_path / "verdicts.csv"
    verdicts.write_text("item,label,rater\ns3,branching,eve\nc3,,eve\n")
    document = json.loads(run(ratings, "--verdicts", verdicts, "--json")[1])
    assert (
        "Raters differ on 4 items (40.0% of those with at least two ratings); an adjudicator decided 1 of them."
        in (document["methods"])
    )
    verdicts.write_text("item,label,rater\nzz,branching,eve\n")
    code, _, err = run(ratings, "--verdicts", verdicts)
    assert (code, "the verdict on item 'zz' is on no rated item" in err) == (3, True)
    assert (document["confusion"]["kind"], document["confusion"]["labels"]) == (
        "coincidences",
        ["branching", "deduction", "procedural"],
    )


def test_several_files_of_one_rater_are_read_in_one_call(run, tmp_path):
    for rater, labels in (("ada", "xy"), ("ben", "xx")):
        rows = "".join(f"i{n},{label}\n" for n, label in enumerate(labels))
        (tmp_path / f"{rater}.csv").write_text(f'\ufeff"Item","Label"\n{rows}')
    code, out, err = run(tmp_path / "ada.csv", f"Zoe={tmp_path / 'ben.csv'}")
    assert code == 0
    assert line(out, "Zoe, ada")[2:4] == ["2", "0.500"]
    assert "ada.csv names no rater: its ratings are of 'ada'" in err
    code, _, err = run(f"Zoe={tmp_path / 'ben.csv'}", f"Eve={tmp_path / 'ben.csv'}")
    assert (code, "is of the rater Zoe and of Eve" in err) == (2, True)


# -- what is wrong with ratings -------------------------------------------------------------------------


def test_one_rater_one_label_and_no_common_item_are_told_in_a_sentence(run, tmp_path):
    path = tmp_path / "r.jsonl"
    for rows, sentence in (
        ({"anna": "bdp"}, "Agreement on 3 labels is undefined: one rater, and agreement needs two."),
        ({"anna": "ppp", "ben": "ppp"}, "Agreement on the one label is undefined: all ratings are the same label."),
        ({"anna": "bd**", "ben": "**bp"}, "Agreement on 3 labels is undefined: no item has two ratings."),
    ):
        write_ratings(path, rated(rows))
        code, out, _ = run(path)
        assert code == 0
        assert sentence in out
        assert "nan" not in out
        assert json.loads(run(path, "--json")[1])["overall"]["alpha"]["value"] is None


def test_items_that_all_call_procedural_are_judged_so(run, items, tmp_path):
    path = tmp_path / "r.jsonl"
    write_ratings(path, rated({"anna": "ppppp ppppp", "ben": "ppppp ppppp"}))
    _, out, _ = run(path, "--items", items)
    assert line(out, "SGs")[1:3] == ["0.0", "%"]
    assert "contains 0: no difference between these SGs and random grams is shown." in out


def test_what_a_reader_must_know_is_a_warning(run, ratings, items, tmp_path):
    path = tmp_path / "r.jsonl"
    write_ratings(path, rated({"anna": "bbbbb b", "ben": "bbbbb p"}))
    _, _, err = run(path, path, "--items", items)
    assert "warning: repeated ratings count once:" in err
    assert "and 11 more" in err
    assert "warning: 4 of the 10 items of the items file have no rating" in err
    assert "warning: 91.7 % of the ratings are strategic. Kappa and alpha are lower" in err
    path.write_text("item,rater,label\na,x,Strategic\na,y,strategic\nb,x,\n")
    _, _, err = run(path)
    assert "warning: the labels 'Strategic' and 'strategic' differ only in case or spaces" in err
    assert "warning: 1 empty labels count as not rated" in err


def test_bad_input_is_a_sentence_and_exit_code_3(run, ratings, items, tmp_path):
    path = tmp_path / "r.jsonl"
    for text, sentence in (
        ("", "no ratings in"),
        ("{", "r.jsonl:1 is not valid JSON"),
        (ratings.read_text() + '{"item": "s0", "rater": "anna", "label": "x"}', "as 'branching' and as 'x'; keep"),
        (items.read_text(), "not of ratings; give it with --items"),
    ):
        path.write_text(text)
        code, out, err = run(path)
        assert (code, out) == (3, "")
        assert sentence in err
    write_ratings(path, [*rated(), Rating("zz", "anna", "branching")])
    code, _, err = run(path, "--items", items)
    assert (code, "1 of the 11 rated items are not in the items file ('zz')" in err) == (3, True)
    code, _, err = run(ratings, "--items", ratings)
    assert (code, "is not an items file" in err) == (3, True)


def test_ratings_of_another_lexicon_are_refused(run, ratings, items, tmp_path):
    other_items = tmp_path / "other.json"
    Lexicon.from_grams(["wait"]).save(other_items)
    code, out, err = run(ratings, "--items", items, "--lexicon", other_items)
    assert (code, out) == (3, "")
    assert f"items.jsonl has items of the lexicon {DIGEST[:12]} (" in err


def test_flags_that_cannot_be_meant_are_refused(run, ratings, items):
    for arguments, sentence in (
        ((ratings, "--bogus"), "unknown option --bogus"),
        (("-", "-"), "only one of the inputs can come from stdin"),
        (("-", "--items", "-"), "only one of the inputs can come from stdin"),
        ((ratings, "--top", -1), "--top must be >= 0 (got -1)"),
        ((ratings, "--draws", 0), "--draws must be >= 1"),
        ((ratings, "--seed", -1), "--seed must be >= 0 (got -1)"),
        ((ratings, "--latex", "a.pdf"), "--latex a.pdf: the name must end in .tex"),
        ((ratings, "--figure", "a.gif"), "a.gif: a figure's name must end in .svg, .png, .pdf"),
        ((ratings, "--csv", "-"), "--csv cannot go to stdout; name a file"),
        ((ratings, "--rater-names"), "--rater-names is for --latex, --markdown, --csv and --figure"),
        ((ratings, "--lexicon", "wang2025"), "give --items as well"),
        ((ratings, "--items", items, "--strategic", "x"), "no rating has the label 'x'"),
    ):
        code, out, err = run(*arguments)
        assert (code, out) == (2, "")
        assert sentence in err


def test_labels_that_say_nothing_of_strategy_must_be_named_for_the_items(run, items, tmp_path):
    path = tmp_path / "r.csv"
    path.write_text("item,rater,label\ns0,x,yes\nc0,x,no\n")
    code, _, err = run(path, "--items", items)
    assert code == 2
    assert "unknown which of the labels (no, yes) are strategic; name them with --strategic" in err
    assert line(run(path, "--items", items, "--strategic", "yes")[1], "SGs")[1:3] == ["100.0", "%"]
