"""Grams in labeled units: by hand, and compared with the reference finder."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgram.evaluation.label_index import UnitIndex, labels_digest
from sgram.evaluation.labeled_documents import LabeledDocument, Unit
from sgram.lexicon import Lexicon
from sgram.tagging.projection import project_spans
from sgram.tagging.spans import find_spans
from sgram.text import find_words
from tests.builders.labeled_examples import GRAMS, PLAN, STEP, document, documents, two_documents


class Chunks:
    """A tokenizer that cuts a text every three characters."""

    def encode(self, text, add_special_tokens):
        assert not add_special_tokens
        return SimpleNamespace(offsets=[(start, min(start + 3, len(text))) for start in range(0, len(text), 3)])


def spans_in_units(labeled_documents):
    """(gram, unit number, document, span) of every occurrence inside a unit, by the reference finder."""
    lexicon, number = Lexicon.from_grams(GRAMS), 0
    for labeled in labeled_documents:
        spans = find_spans(labeled.text, lexicon)
        for unit in labeled.units:
            for span in spans:
                if unit.start <= span.start and span.end <= unit.end:
                    yield span.gram, number, labeled, span
            number += 1


def test_a_unit_is_marked_by_a_gram_inside_it():
    index = UnitIndex.from_documents(two_documents())
    assert index.positive.tolist() == [True, False, False, True, True]
    assert index.document.tolist() == [0, 0, 0, 1, 1]
    occurrences = index.find(["wait", "let me check", "never"])
    assert occurrences.marked_units().tolist() == [True, False, True, True, False]
    # "wait let me check" | "So x is large" | "wait for it" | "now let me check it" | "hmm"
    covered = "1111 0000 100 01110 0".replace(" ", "")
    assert "".join(str(int(is_covered)) for is_covered in occurrences.covered_pieces()) == covered
    assert sorted(zip(*(column.tolist() for column in occurrences.gram_unit_pairs()), strict=True)) == [
        (0, 0),
        (0, 2),
        (1, 0),
        (1, 3),
    ]


def test_a_gram_across_two_units_marks_neither():
    text = "wait let me check"
    units = (Unit(0, 8, (PLAN,)), Unit(9, 17, (STEP,)))
    index = UnitIndex.from_documents([LabeledDocument("a", text, units)])
    occurrences = index.find(["let me", "wait let", "me check"])
    assert [gram for gram, _ in zip(*occurrences.gram_unit_pairs(), strict=True)] == [1, 2]


def test_a_word_that_a_unit_boundary_cuts_has_no_label():
    index = UnitIndex.from_documents([LabeledDocument("a", "wait let me", (Unit(0, 6, (PLAN,)), Unit(6, 11, (STEP,))))])
    assert index.n_pieces == 2  # "wait" and "me"; "l" lies in one unit, "et" in the other
    assert not len(index.find(["let", "wait let"]).gram)


def test_a_gram_does_not_cross_a_sentence_boundary():
    index = UnitIndex.from_documents([document("a", (PLAN, "wait. let me"), (PLAN, "wait, let me"))])
    assert index.find(["wait let me"]).unit.tolist() == [1]


@given(labeled_documents=documents())
def test_occurrences_are_those_of_the_reference_inside_units(labeled_documents):
    index = UnitIndex.from_documents(labeled_documents)
    occurrences = index.find(GRAMS)
    expected = sorted((GRAMS.index(gram), number) for gram, number, *_ in spans_in_units(labeled_documents))
    assert sorted(zip(occurrences.gram.tolist(), occurrences.unit.tolist(), strict=True)) == expected


@given(labeled_documents=documents(), tokens=st.booleans())
def test_pieces_are_covered_as_a_mask_would_cover_them(labeled_documents, tokens):
    index = UnitIndex.from_documents(labeled_documents, tokenizer=Chunks() if tokens else None)
    covered, units, number = [], [], 0
    for labeled in labeled_documents:
        if tokens:
            offsets = Chunks().encode(labeled.text, False).offsets
        else:
            offsets = [(word.start, word.end) for word in find_words(labeled.text)]
        for unit in labeled.units:
            spans = [span for _, span_unit, _, span in spans_in_units(labeled_documents) if span_unit == number]
            for start, end in offsets:
                visible = [index for index in range(start, end) if not labeled.text[index].isspace()]
                if visible and unit.start <= visible[0] and visible[-1] < unit.end:
                    covered.append(bool(project_spans(spans, labeled.text, [(start, end)])[0]))
                    units.append(number)
            number += 1
    assert index.piece_unit.tolist() == units
    assert index.find(GRAMS).covered_pieces().tolist() == covered


def test_tokens_are_covered_as_the_tagger_marks_them():
    tokenizers = pytest.importorskip("tokenizers", reason="tokenizers comes with the embedder")
    from sgram.tagging.tagger import PlanningTagger

    byte_level = tokenizers.Tokenizer(tokenizers.models.BPE())
    byte_level.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    byte_level.decoder = tokenizers.decoders.ByteLevel()
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=300, show_progress=False, initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet()
    )
    texts = ["Wait, let me check.  So “wait” né 再", "so  let, me 😀 check wait"]
    byte_level.train_from_iterator(texts, trainer)
    index = UnitIndex.from_texts(texts, byte_level)
    encoded = [byte_level.encode(text, add_special_tokens=False) for text in texts]
    masks = PlanningTagger(Lexicon.from_grams(GRAMS), byte_level).tag_rows([encoding.ids for encoding in encoded])
    expected = [
        bool(marked)
        for text, encoding, mask in zip(texts, encoded, masks, strict=True)
        for (start, end), marked in zip(encoding.offsets, mask, strict=True)
        if text[start:end].strip()
    ]
    assert index.piece_name == "tokens"
    assert index.find(GRAMS).covered_pieces().tolist() == expected
    assert {True, False} == set(expected)


@given(labeled_documents=documents())
def test_the_index_lists_every_gram_of_its_units(labeled_documents):
    document_ids = {}
    for labeled in labeled_documents:
        words = find_words(labeled.text)
        for unit in labeled.units:
            for first in range(len(words)):
                for last in range(first, min(first + 6, len(words))):
                    piece = words[first : last + 1]
                    if (
                        piece[0].sentence == piece[-1].sentence
                        and unit.start <= piece[0].start
                        and piece[-1].end <= unit.end
                    ):
                        document_ids.setdefault(" ".join(word.text for word in piece), set()).add(labeled.id)
    for min_df in (1, 2):
        expected = sorted(gram for gram, ids in document_ids.items() if len(ids) >= min_df)
        assert UnitIndex.from_documents(labeled_documents).grams(min_df) == expected


def test_the_best_score_of_a_unit_is_that_of_its_best_gram():
    index = UnitIndex.from_documents(two_documents())
    scores = index.find(["wait", "let me check", "so"]).max_scores(np.array([0.5, 0.25, -1.0]))
    assert scores.tolist() == [0.5, -1.0, 0.5, 0.25, -np.inf]


def test_grams_can_be_selected():
    occurrences = (
        UnitIndex.from_documents(two_documents()).find(["wait", "let me check"]).select(np.array([False, True]))
    )
    assert occurrences.marked_units().tolist() == [True, False, False, True, False]


def test_whole_texts_are_units_without_labels():
    index = UnitIndex.from_texts(["wait, so", "", "so"])
    assert (index.n_units, index.positive.any(), index.n_pieces) == (2, False, 3)
    assert index.find(["wait so"]).unit.tolist() == [0]


def test_an_empty_index_and_an_empty_list_have_no_occurrences():
    for index in (UnitIndex.from_documents([]), UnitIndex.from_documents([LabeledDocument("a", "wait", ())])):
        occurrences = index.find(["wait"])
        assert (index.n_units, len(occurrences.gram), len(occurrences.marked_units()), index.grams(1)) == (0, 0, 0, [])
    assert len(UnitIndex.from_documents(two_documents()).find([]).gram) == 0


def test_the_text_of_a_unit_is_unchanged():
    index = UnitIndex.from_documents(two_documents())
    assert [index.unit_text(unit) for unit in (0, 2, 3)] == [
        "Wait, let me check.",
        "wait for it",
        "now let me check it",
    ]


def test_the_digest_depends_on_documents_and_labels_only():
    first, second = two_documents()
    digest = labels_digest([first, second])
    assert labels_digest([second, first, LabeledDocument("c", "no units", ())]) == digest
    relabeled = LabeledDocument("b", second.text, (*second.units[:1], Unit(*_offsets(second.units[1]), (STEP,))))
    assert len({digest, labels_digest([first]), labels_digest([first, relabeled])}) == 3


def _offsets(unit):
    return unit.start, unit.end


@pytest.mark.parametrize("label", ["planning", "other"])
def test_the_requested_labels_are_positive(label):
    labeled = [document("a", ("planning", "wait"), ("other", "so"))]
    assert UnitIndex.from_documents(labeled, frozenset({label})).positive.tolist() == [
        label == "planning",
        label == "other",
    ]
