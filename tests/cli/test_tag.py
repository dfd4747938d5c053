"""The command, with real tokenizers trained here, on the shipped sample traces."""

import io
import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sgram.cli import main
from sgram.files import data_path
from sgram.lexicon import Lexicon, SentenceScorer, order_moves
from sgram.tagging.masks import read_masks
from sgram.tagging.projection import project_spans
from sgram.tagging.spans import find_spans
from sgram.traces import Trace, read_traces, write_traces
from tests.builders.paths import ROOT

tokenizers = pytest.importorskip("tokenizers", reason="tokenizers comes with the embedder")

SAMPLE = data_path("sample_traces.jsonl")
TRACES = list(read_traces(SAMPLE))
UNMARKED = [trace for trace in TRACES if "parts" not in trace.meta]
UNKNOWN = "[UNK]"
WANG = Lexicon.load("wang2025")


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Folder of two models' tokenizers: ``bpe`` keeps texts, ``wordpiece`` does not."""
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

    folder = tmp_path_factory.mktemp("models")
    bpe, wordpiece = Tokenizer(models.BPE()), Tokenizer(models.WordPiece(unk_token=UNKNOWN))
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder, wordpiece.decoder = decoders.ByteLevel(), decoders.WordPiece()
    wordpiece.normalizer, wordpiece.pre_tokenizer = (normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer())
    alphabet, texts = pre_tokenizers.ByteLevel.alphabet(), [trace.text for trace in TRACES]
    common = {"vocab_size": 600, "show_progress": False}
    bpe.train_from_iterator(
        texts, trainers.BpeTrainer(**common, special_tokens=["<|im_end|>"], initial_alphabet=alphabet)
    )
    wordpiece.train_from_iterator(texts, trainers.WordPieceTrainer(**common, special_tokens=[UNKNOWN]))
    for name, tokenizer in (("bpe", bpe), ("wordpiece", wordpiece)):
        (folder / name).mkdir()
        tokenizer.save(str(folder / name / "tokenizer.json"))
    return folder


@pytest.fixture
def bpe(models):
    return tokenizers.Tokenizer.from_file(str(models / "bpe" / "tokenizer.json"))


def tag(capsys: pytest.CaptureFixture, *arguments: object) -> tuple[int, str, str]:
    """Run the verb; the published list, which stays as it is, is the lexicon where none is given."""
    lexicon = () if "--lexicon" in arguments else ("--lexicon", "wang2025")
    with pytest.raises(SystemExit) as exit_info:
        main(["tag", *map(str, (*arguments, *lexicon))])
    return exit_info.value.code, *capsys.readouterr()


def tag_json(capsys: pytest.CaptureFixture, *arguments: object) -> dict:
    code, out, _ = tag(capsys, *arguments, "--json")
    assert (code, out.count("\n")) == (0, 1)
    return json.loads(out)


def written(path: Path, *traces: Trace) -> Path:
    write_traces(traces, path)
    return path


def ids(tokenizer, text: str) -> tuple[int, ...]:
    return tuple(tokenizer.encode(text, add_special_tokens=False).ids)


# -- masks ----------------------------------------------------------------------------------------------


def test_masks_are_the_spans_of_the_text_as_the_encoder_cut_it(models, bpe, tmp_path, capsys):
    output = tmp_path / "deep" / "masks.parquet"
    code, out, err = tag(capsys, SAMPLE, "--tokenizer", models / "bpe", "-o", output)
    assert code == 0
    read = read_masks(output)
    assert (read.metadata["lexicon"], read.metadata["lexicon_digest"]) == ("wang2025", WANG.digest)
    assert read.metadata["tokenizer"] == "bpe"
    for trace, row in zip(TRACES, read, strict=True):
        encoding, spans = bpe.encode(trace.text, add_special_tokens=False), find_spans(trace.text, WANG)
        assert (row.id, row.token_ids.tolist()) == (trace.id, encoding.ids)
        assert row.planning_mask.tolist() == project_spans(spans, trace.text, encoding.offsets).tolist()
        assert [(span.start, span.end, span.label) for span in row.spans] == [
            (span.start, span.end, span.label) for span in spans
        ]
    assert "token ids: 0 rollouts contain them, 108 were encoded from their text" in err
    assert f"masks of 108 traces written to {output}" in err.replace("\n", " ")
    assert "traces of" in out
    assert "written" not in out


def test_equal_runs_write_equal_masks(models, tmp_path, capsys):
    for name in ("one", "two"):
        tag(capsys, SAMPLE, "--tokenizer", models / "bpe" / "tokenizer.json", "-o", tmp_path / f"{name}.parquet")
    assert (tmp_path / "one.parquet").read_bytes() == (tmp_path / "two.parquet").read_bytes()


def test_ids_of_a_rollout_are_used_and_strangers_among_them_told(models, bpe, tmp_path, capsys):
    text = "Wait, let me see."
    path = written(
        tmp_path / "in.jsonl",
        Trace(id="own", text=text, token_ids=(*ids(bpe, text), 0)),
        Trace(id="other", text="Hmm. No", token_ids=ids(bpe, text)),
        Trace(id="bare", text=text),
    )
    output = tmp_path / "masks.parquet"
    code, _, err = tag(capsys, path, "--tokenizer", models / "bpe", "-o", output)
    assert code == 0
    assert "token ids: 2 rollouts contain them, 1 were encoded from their text" in err
    assert "warning: 1 of 3 rollouts have ids that do not spell their text; their mask follows the ids" in err.replace(
        "\n", " "
    )
    with_ids, mismatched, bare = read_masks(output)
    assert with_ids.planning_mask.tolist() == [*bare.planning_mask.tolist(), False]  # the end token is no text
    assert mismatched.planning_mask.tolist() == bare.planning_mask.tolist()
    assert [span.start for span in mismatched.spans] == [0]  # "Hmm": spans are of the trace's own text
    assert with_ids.token_ids.tolist()[:-1] == bare.token_ids.tolist() == list(ids(bpe, text))


def test_ids_beyond_the_tokenizer_end_the_run_and_name_the_trace(models, tmp_path, capsys):
    path = written(tmp_path / "in.jsonl", TRACES[0], Trace(id="odd", text="x", token_ids=(1, 100_000)))
    output = tmp_path / "masks.parquet"
    output.write_text("old")
    code, out, err = tag(capsys, path, "--tokenizer", models / "bpe", "-o", output)
    assert (code, out) == (3, "")
    assert err == (
        "sgram: trace 'odd' has the token id 100000, but the tokenizer bpe has 600 ids; name the tokenizer of the "
        "model that wrote it\n"
    )
    assert output.read_text() == "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.jsonl", "masks.parquet"]


def test_a_tokenizer_that_loses_text_is_projected_and_said_to_be(models, tmp_path, capsys):
    text = "Let me\nWAIT"
    path = written(tmp_path / "in.jsonl", Trace(id="a", text=text))
    output = tmp_path / "masks.parquet"
    code, _, err = tag(capsys, path, "--tokenizer", models / "wordpiece", "-o", output)
    assert code == 0
    assert "the tokenizer wordpiece changes text when it encodes, so 1 masks were projected" in err.replace("\n", " ")
    (row,) = read_masks(output)
    assert row.planning_mask.all()


def test_one_part_is_marked_and_said_in_notes_json_metadata_and_page(models, bpe, tmp_path, capsys):
    text = "<think>\nWait, let me see.\n</think>\n\nWait, it is 4."
    path = written(
        tmp_path / "in.jsonl",
        Trace(id="encoded", text=text),
        Trace(id="given", text=text, token_ids=(*ids(bpe, text), bpe.token_to_id("<|im_end|>"))),
        Trace(id="stranger", text=text + " So.", token_ids=ids(bpe, text)),
        Trace(id="unmarked", text="Wait, it is 4."),
    )
    output, page = tmp_path / "masks.parquet", tmp_path / "page.html"
    arguments = (path, "--tokenizer", models / "bpe", "--part", "reasoning", "-o", output, "--html", page)
    document = tag_json(capsys, *arguments)
    assert (document["part"], document["left_out"], document["n_traces"]) == ("reasoning", 1, 2)
    assert document["ids"] == {"given": 2, "encoded": 1, "unlike_text": 1, "projected": 0, "left_out": 1}
    masks = read_masks(output)
    assert masks.metadata["part"] == "reasoning"
    encoding = bpe.encode(text, add_special_tokens=False)
    spans = [span for span in find_spans(text, WANG) if span.end < text.index("</think>")]
    expected = project_spans(spans, text, encoding.offsets).tolist()
    assert [(row.id, row.planning_mask.tolist()) for row in masks] == [
        ("encoded", expected),
        ("given", [*expected, False]),
    ]
    n_units = sum(end > start and start < text.index(">\n\nW") + 1 for start, end in encoding.offsets)
    (total,) = [row for row in document["shares"] if row["model"] is row["outcome"] is None]
    assert total["n_planning"] == 2 * sum(expected)
    assert 0 < total["n_units"] <= 2 * n_units < 2 * len(encoding.ids)
    assert "reasoning tokens" in page.read_text(encoding="utf-8")
    code, out, err = tag(capsys, *arguments, "--show", "1")
    assert code == 0
    assert "part reasoning: 1 of 4 traces have no marked reasoning and are left out\n" in err
    assert "warning: 1 rollouts are left out: their ids do not spell their text" in err
    # the text is whole, and marked in the part alone
    assert out.count("[backtracking: Wait]") == 1
    assert "\n  Wait, it is 4." in out
    assert "tokens of the part planning" in out


def test_traces_without_the_part_end_the_run_and_no_file_is_written(models, tmp_path, capsys):
    path, output = written(tmp_path / "in.jsonl", *UNMARKED), tmp_path / "masks.parquet"
    code, out, err = tag(capsys, path, "--part", "answer", "--tokenizer", models / "bpe", "-o", output)
    assert (code, out) == (3, "")
    assert err.startswith(f"sgram: none of the {len(UNMARKED)} traces has marked answer")
    assert not output.exists()


def test_an_export_of_ids_alone_is_tagged_with_the_tokenizer_that_reads_it(models, bpe, tmp_path, capsys):
    prompt, response = ids(bpe, "2+2?"), (*ids(bpe, "Wait, four."), 0)
    row = {
        "schema_version": 1,
        "step": 1,
        "token_ids": prompt + response,
        "loss_mask": [False] * len(prompt) + [True] * len(response),
        "rewards": [1.0] * len(prompt + response),
    }
    path, output = tmp_path / "in.jsonl", tmp_path / "masks.parquet"
    path.write_text(json.dumps(row) + "\n")
    code, _, err = tag(capsys, path, "--dialect", "prime-rl", "--tokenizer", models / "bpe", "-o", output)
    assert (code, "do not spell" in err) == (0, False)  # its text holds the end token, spelled out
    (mask,) = read_masks(output)
    assert mask.token_ids.tolist() == list(response)
    assert bpe.decode(mask.token_ids[mask.planning_mask].tolist()) == "Wait"


def test_rows_that_cannot_be_read_stand_beside_the_masks(models, tmp_path, capsys):
    path, output = written(tmp_path / "in.jsonl", *TRACES[:3]), tmp_path / "masks.parquet"
    with path.open("ab") as file:
        file.write(b"oops\n")
    flags = (path, "--tokenizer", models / "bpe", "-o", output)
    code, _, err = tag(capsys, *flags, "--max-bad", "0.5")
    assert (code, len(read_masks(output))) == (0, 3)
    assert "rows set aside: 1; first: " in err
    assert Path(f"{output}.quarantine.jsonl").exists()
    output.unlink()
    code, out, err = tag(capsys, *flags)
    assert (code, out, output.exists()) == (4, "", False)
    assert err.count("\n") == 1


# -- numbers --------------------------------------------------------------------------------------------


def test_json_tells_every_number(models, bpe, capsys, tmp_path):
    output = tmp_path / "masks.parquet"
    document = tag_json(capsys, SAMPLE, "--tokenizer", models / "bpe", "-o", output)
    assert (document["format"], document["version"], document["output"], document["html"]) == (
        "sgram-tag",
        1,
        str(output),
        None,
    )
    assert document["lexicon"] == {"name": "wang2025", "digest": WANG.digest, "n_grams": 249}
    assert document["tokenizer"]["name"] == "bpe"
    assert document["ids"] == {"given": 0, "encoded": 108, "unlike_text": 0, "projected": 0, "left_out": 0}
    assert (document["unit"], document["n_traces"], document["rows_in"], document["rows_quarantined"]) == (
        "tokens",
        108,
        108,
        0,
    )
    everything = document["shares"][0]
    masks = [row.planning_mask for row in read_masks(output)]
    assert everything["n_units"] == sum(map(len, masks)) == sum(len(ids(bpe, trace.text)) for trace in TRACES)
    assert everything["n_planning"] == sum(int(mask.sum()) for mask in masks)
    assert everything["pooled"]["value"] == pytest.approx(np.concatenate(masks).mean())
    assert everything["mean"]["value"] == pytest.approx(np.mean([mask.mean() for mask in masks]))
    assert everything["n_groups"] == 36
    assert everything["pooled"]["low"] < everything["pooled"]["value"] < everything["pooled"]["high"]
    by = {(row["model"], row["outcome"]): row["n_traces"] for row in document["shares"]}
    assert by[None, "correct"] == sum(trace.correct is True for trace in TRACES)
    assert by["sample-terse", None] == 36
    assert sum(row["share"] for row in document["moves"]) == pytest.approx(1)
    assert len(document["grams"]) == 10


def test_without_a_tokenizer_shares_are_of_characters(capsys):
    code, out, err = tag(capsys, SAMPLE)
    assert code == 0
    assert out.split("\n")[0].split() == "traces of planning 95 % interval mean traces characters".split()
    assert "no --tokenizer: shares are shares of non-space characters" in err.replace("\n", " ")
    document = tag_json(capsys, SAMPLE)
    assert (document["unit"], document["tokenizer"]) == ("characters", None)
    assert document["shares"][0]["n_units"] == sum(len("".join(trace.text.split())) for trace in TRACES)


def test_the_tables_tell_shares_moves_and_grams(capsys):
    _, out, _ = tag(capsys, SAMPLE)
    shares, moves, grams = out.strip().split("\n\n")
    assert [line.split()[0] for line in shares.splitlines()] == [
        "traces",
        "all",
        "correct",
        "wrong",
        "sample-searcher",
        "sample-terse",
        "sample-textbook",
    ]
    assert all(len(line) <= 80 for line in out.splitlines())
    assert [line.split()[0] for line in moves.splitlines()[1:]] == list(WANG.moves)
    assert grams.splitlines()[0].split() == ["most", "frequent", "grams", "move", "spans", "traces"]
    assert len(grams.splitlines()) == 11


def test_many_models_are_cut_in_the_table_and_kept_in_json(tmp_path, capsys):
    path = written(tmp_path / "in.jsonl", *(Trace(id=str(n), text="wait", model=f"m{n:02}") for n in range(15)))
    _, out, err = tag(capsys, path)
    assert ("m11" in out, "m12" in out) == (True, False)
    assert "3 more models; --json lists all" in err
    assert len([row for row in tag_json(capsys, path)["shares"] if row["model"] and not row["outcome"]]) == 15


def test_the_seed_moves_intervals_and_nothing_else(capsys):
    first, again, other_seed = (tag_json(capsys, SAMPLE, "--seed", seed) for seed in (1, 1, 2))
    assert first == again
    assert first["shares"][0]["pooled"]["low"] != other_seed["shares"][0]["pooled"]["low"]
    assert first["shares"][0]["pooled"]["value"] == other_seed["shares"][0]["pooled"]["value"]


def test_traces_are_chosen_and_limited(capsys):
    assert tag_json(capsys, SAMPLE, "--where", "correct=true", "--limit", 5)["n_traces"] == 5
    nothing = tag_json(capsys, SAMPLE, "--where", "model=none-such")
    assert (nothing["n_traces"], nothing["rows_skipped"], nothing["shares"][0]["pooled"]["value"]) == (0, 108, None)
    code, out, _ = tag(capsys, SAMPLE, "--where", "model=none-such", "--show", 1)
    assert (code, "most frequent" in out) == (0, False)


def test_the_default_is_the_packaged_lexicon_and_the_published_one_is_said_to_mark_so(tmp_path, capsys):
    path = written(tmp_path / "in.jsonl", Trace(id="a", text="So it is 4. Wait, let me check."))
    with pytest.raises(SystemExit):
        main(["tag", str(path), "--json"])
    out, err = capsys.readouterr()
    document = json.loads(out)
    assert document["lexicon"]["name"] == "sgram"
    assert [row["gram"] for row in document["grams"]] == ["wait let me check"]
    assert 'marks the word "so"' not in err
    _, _, err = tag(capsys, path)
    assert 'the lexicon wang2025 marks the word "so"' in err


def test_a_lexicon_of_one_s_own_comes_from_a_file_or_stdin(tmp_path, capsys, monkeypatch):
    mine = tmp_path / "mine.json"
    Lexicon.from_grams(["the"], name="mine").save(mine)
    document = tag_json(capsys, SAMPLE, "--lexicon", mine)
    assert (document["lexicon"]["name"], [row["gram"] for row in document["grams"]]) == ("mine", ["the"])
    with mine.open("rb") as file:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(file))
        assert tag_json(capsys, SAMPLE, "--lexicon", "-") == document


def test_traces_come_from_stdin(capsys, monkeypatch):
    document = tag_json(capsys, SAMPLE)
    with SAMPLE.open("rb") as file:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(file))
        assert tag_json(capsys, "-") == document


# -- traces in the terminal -----------------------------------------------------------------------------

SHOWN = Trace(
    id="t\x1b1", text="Wait, let me see.\r\n\n  x[0] = [red]1[/red]\x1b[2J\u202e; so \x07", model="m", correct=False
)


def test_without_color_spans_are_named_in_brackets(tmp_path, capsys):
    path = written(tmp_path / "in.jsonl", SHOWN, replace(SHOWN, id="second"))
    code, out, _ = tag(capsys, path, "--show", 1)
    assert code == 0
    assert out.split("\n\n", 3)[3] == (
        "Planning spans are written [move: words]; moves: deduction, branching, backtracking, verification, \n"
        "goal-setting, other.\n"
        "\n"
        "--- t\\x1b1  model m  wrong  27.5 % of 40 characters planning\n"
        "  [backtracking: Wait], [goal-setting: let me] see.\n"
        "\n"
        "    x[0] = [red]1[/red]\\x1b[2J\\u202e; [other: so] \\x07\n"
    )


@pytest.mark.parametrize("no_color", [False, True])
def test_with_color_spans_are_colored_by_their_move(no_color, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLORTERM", "truecolor")
    monkeypatch.delenv("NO_COLOR", raising=False)
    if no_color:
        monkeypatch.setenv("NO_COLOR", "1")
    _, out, _ = tag(capsys, written(tmp_path / "in.jsonl", SHOWN), "--show", 1)
    if no_color:
        assert "[backtracking: Wait], [goal-setting: let me] see." in out
        assert "38;2" not in out
    else:
        # "#d55e00" and "#cc79a7" in bold; "other" has no color and is underlined
        assert "\x1b[1;38;2;213;94;0mWait\x1b[0m, \x1b[1;38;2;204;121;167mlet me\x1b[0m see." in out
        assert "\x1b[1;4mso\x1b[0m" in out
        assert "\x1b[1;38;2;213;94;0mbacktracking\x1b[0m" in out  # the legend
    assert "\x1b[2J" not in out


def test_a_long_trace_is_cut_and_the_rest_is_told(tmp_path, capsys):
    path = written(tmp_path / "in.jsonl", Trace(id="a", text="\n".join(f"line {n}, so" for n in range(100))))
    _, out, _ = tag(capsys, path, "--show", 1)
    assert "  line 59, [other: so]\n  ... 40 more lines (--lines 0 shows all)\n" in out
    _, out, _ = tag(capsys, path, "--show", 1, "--lines", 3)
    assert "  line 2, [other: so]\n  ... 97 more lines" in out
    _, out, _ = tag(capsys, path, "--show", 1, "--lines", 0)
    assert out.endswith("  line 99, [other: so]\n")


def test_long_lines_are_wrapped_and_every_word_is_there(tmp_path, capsys):
    words = " ".join(f"word{n}" for n in range(200))
    _, out, _ = tag(capsys, written(tmp_path / "in.jsonl", Trace(id="a", text=words)), "--show", 1)
    body = out.rpartition("planning\n")[2]
    assert body.split() == words.split()
    assert max(map(len, body.splitlines())) <= 100


# -- page -----------------------------------------------------------------------------------------------


def test_a_page_shows_the_first_traces_and_the_numbers_of_all(models, tmp_path, capsys):
    page = tmp_path / "page.html"
    code, _, err = tag(capsys, SAMPLE, "--tokenizer", models / "bpe", "--html", page, "--html-traces", 3)
    html = page.read_text(encoding="utf-8")
    assert code == 0
    assert f"page of 3 traces written to {page}" in err.replace("\n", " ")
    assert html.count("<details") == 3
    for words in ("108 traces, planning", "first 3 traces", "tokens (tokenizer bpe) are", TRACES[0].prompt[:30]):
        assert words in html
    gram = "is there a simpler way"
    cluster, _ = WANG.find(gram)
    assert f'class="m-{cluster.move}" title="{cluster.move} · cluster {cluster.id} · &#39;{gram}&#39;"' in html
    assert html.count("<details") == 3


def test_long_names_of_models_are_cut_in_the_terminal_and_whole_on_the_page(tmp_path, capsys):
    name = "an-organization/a-model-with-a-long-name-7B"
    path = written(tmp_path / "in.jsonl", Trace(id="a", text="wait", model=name))
    _, out, _ = tag(capsys, path, "--html", tmp_path / "page.html")
    assert "...del-with-a-long-name-7B " in out
    assert f"<td>{name}</td>" in (tmp_path / "page.html").read_text()


def test_fewer_traces_than_the_page_may_hold(tmp_path, capsys):
    page = tmp_path / "page.html"
    code, _, err = tag(capsys, SAMPLE, "--limit", 2, "--html", page, "--show", 1)
    assert (code, page.read_text().count("<details")) == (0, 2)
    assert "page of 2 traces" in err
    assert "Below are the first" not in page.read_text()


def test_markup_in_a_trace_stays_text_on_the_page(tmp_path, capsys):
    evil = Trace(id="<script>x</script>", text='wait <img src=x onerror="y"> \u202e', prompt="<b>", model='"><i>')
    code, _, _ = tag(capsys, written(tmp_path / "in.jsonl", evil), "--html", tmp_path / "page.html")
    html = (tmp_path / "page.html").read_text()
    assert code == 0
    assert not any(bad in html for bad in ("<script", "<img", "<b>", "<i>", "\u202e"))


# -- kinds of masks -------------------------------------------------------------------------------------


@pytest.mark.parametrize("mask", ["sentences", "grams-in-sentences"])
def test_a_kind_of_mask_marks_what_the_reference_finds(mask, models, bpe, tmp_path, capsys):
    path, output = written(tmp_path / "in.jsonl", *TRACES[:6]), tmp_path / "masks.parquet"
    document = tag_json(capsys, path, "--mask", mask, "--tokenizer", models / "bpe", "-o", output)
    scorer = SentenceScorer.load("sgram")
    named = {"name": "sgram", "digest": scorer.digest, "threshold": scorer.threshold}
    assert (document["mask"], document["scorer"]) == (mask, named)
    assert [row["move"] for row in document["moves"]] == list(order_moves(scorer.moves))
    masks = read_masks(output)
    assert (masks.metadata["mask"], masks.metadata["scorer_digest"]) == (mask, scorer.digest)
    for trace, row in zip(TRACES, masks, strict=False):
        spans = find_spans(trace.text, WANG, mask)
        assert [(span.start, span.end, span.label) for span in row.spans] == [
            (span.start, span.end, span.label) for span in spans
        ]
        offsets = bpe.encode(trace.text, add_special_tokens=False).offsets
        assert row.planning_mask.tolist() == project_spans(spans, trace.text, offsets).tolist()
    assert document["shares"][0]["n_planning"] == sum(int(row.planning_mask.sum()) for row in masks) > 0


def test_sentences_of_the_reasoning_alone_are_marked(models, bpe, tmp_path, capsys):
    text = "<think>\nWait, let me check that.\n</think>\n\nWait, let me check that."
    path, output = written(tmp_path / "in.jsonl", Trace(id="a", text=text)), tmp_path / "masks.parquet"
    flags = (path, "--mask", "sentences", "--part", "reasoning", "--tokenizer", models / "bpe", "-o", output)
    assert tag(capsys, *flags)[0] == 0
    (row,) = read_masks(output)
    assert [text[span.start : span.end] for span in row.spans] == ["Wait, let me check that."]
    assert bpe.decode(row.token_ids[row.planning_mask].tolist()) == "Wait, let me check that."


def test_terminal_and_page_show_sentences_with_their_move_and_what_speaks_for_them(tmp_path, capsys):
    path, page = written(tmp_path / "in.jsonl", Trace(id="a", text="Wait, let me check. It is 4.")), tmp_path / "p.html"
    code, out, err = tag(capsys, path, "--mask", "sentences", "--show", 1, "--html", page)
    assert code == 0
    assert "mask: planning sentences (probability of 0.36 or more by the scorer sgram)" in err.replace("\n", " ")
    assert "[verification: Wait, let me check.] It is 4." in out
    assert "most frequent" not in out  # sentences are no grams
    assert re.search(
        r'class="m-verification" title="verification · probability above 0\.99, most by &#39;', page.read_text()
    )
    assert "belong to a sentence that plans by the scorer sgram" in page.read_text()
    _, out, err = tag(capsys, path, "--mask", "grams-in-sentences", "--show", 1)
    assert "[verification: Wait], [verification: let me] check. It is 4." in out
    assert "main move" in out


# -- what cannot be meant -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["-o", "masks.parquet"], "-o needs --tokenizer, which gives the text of token ids"),
        (["-o", "masks.jsonl"], "-o masks.jsonl: masks are written as Parquet; end the name in .parquet"),
        (["-o", "-"], "-o cannot go to stdout; name a file"),
        (["--html", "-"], "--html cannot be - (stdin or stdout); name a file"),
        (["-o", "--json"], "-o --json is not a file name; write ./--json if it is one"),
        (["-o", "a.parquet", "--html", "./a.parquet"], "-o and --html both name a.parquet"),
        (["--json", "--show", "1"], "--json and --show both write to stdout"),
        (["--show", "-1"], "--show must be >= 0 (got -1)"),
        (["--lines", "-1"], "--lines must be >= 0 (got -1)"),
        (["--html-traces", "0"], "--html-traces must be >= 1 (got 0)"),
        (["--limit", "0"], "--limit must be >= 1 (got 0)"),
        (["--seed", "-1"], "--seed must be >= 0 (got -1)"),
        (["--whre", "x"], "unknown option --whre"),
        (
            ["--scorer", "sgram"],
            "--scorer scores sentences; give --mask sentences or --mask grams-in-sentences with it",
        ),
        (["--mask", "sentences", "--scorer", "no-such"], "unknown sentence scorer 'no-such'; give a path or a preset"),
        (["-", "--mask", "sentences", "--scorer", "-"], "only one of the inputs can come from stdin"),
        (["--mask", "words"], "invalid --mask 'words'; choose from grams, sentences"),
        (["--lexicon", "no-such"], "unknown lexicon 'no-such'; give a path or a preset"),
        (["-", "--lexicon", "-"], "only one of the inputs can come from stdin"),
    ],
)
def test_what_cannot_be_meant_is_told_in_one_sentence(arguments, sentence, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    code, out, err = tag(capsys, SAMPLE, *arguments)
    assert (code, out) == (2, "")
    assert err.startswith(f"sgram: {sentence}")
    assert err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_an_input_is_never_written_over(models, tmp_path, capsys):
    path = written(tmp_path / "in.parquet", *TRACES[:2])
    before = path.read_bytes()
    flags = ("--tokenizer", models / "bpe")
    for arguments, sentence in (
        ((path, *flags, "-o", path), "in.parquet is an input; write to another file"),
        ((path, "--html", path), "in.parquet is an input; write to another file"),
        (
            (tmp_path, *flags, "-o", tmp_path / "sub" / "m.parquet"),
            "m.parquet lies in an input folder, where it would be read; name another",
        ),
    ):
        code, _, err = tag(capsys, *arguments)
        assert (code, sentence in err) == (2, True)
    assert path.read_bytes() == before
    code, _, _ = tag(capsys, tmp_path, "--html", tmp_path / "page.html")  # no reader takes that for rollouts
    assert code == 0


def test_what_is_no_tokenizer_is_told(tmp_path, capsys):
    code, _, err = tag(capsys, SAMPLE, "--tokenizer", tmp_path)
    assert (code, "holds no tokenizer.json; name the file itself" in err) == (3, True)


def test_help_needs_no_heavy_library():
    code = (
        "import sys\nfrom sgram.cli import main\n"
        "try: main(['tag', '--help'])\nexcept SystemExit: pass\n"
        "heavy = ('pyarrow', 'numpy', 'numba', 'pandas', 'torch', 'tokenizers', 'jinja2')\n"
        "print([name for name in heavy if name in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ran.stdout.splitlines()[-1] == "[]"
    assert "--html-traces" in ran.stdout
    assert "--tokenizer" in ran.stdout
