"""Labeled documents by hand and at random, for the tests of evaluation."""

from hypothesis import strategies as st

from sgram.evaluation.labeled_documents import LabeledDocument, Unit

PLAN, STEP = "planning", "fact"


def document(name, *units, problem=""):
    """A document of (label, text) units, one per line; text with the label None is no unit."""
    text, labeled_units = "", []
    for label, words in units:
        if label is not None:
            labeled_units.append(Unit(len(text), len(text) + len(words), (label,)))
        text += words + "\n"
    return LabeledDocument(name, text, tuple(labeled_units), problem)


def two_documents():
    """Five units, three positive: of the units with "wait" 1 of 2 is positive, "let me check" 2 of 2, "so" 0 of 1."""
    first = document("a", (PLAN, "Wait, let me check."), (STEP, "So x is large"), (STEP, "wait for it"))
    second = document("b", (PLAN, "now let me check it"), (PLAN, "hmm"))
    return [first, second]


WORDS = ["wait", "let", "me", "Check", "so"]
GAPS = [" ", ", ", ". ", "\n", " 2 ", " \N{EM DASH} "]


@st.composite
def documents(draw, n_max=4):
    """Documents of a few words with units at any offsets: inside words, with gaps between them."""
    random_documents = []
    for number in range(draw(st.integers(1, n_max))):
        words = draw(st.lists(st.sampled_from(WORDS), min_size=1, max_size=12))
        text = "".join(word + draw(st.sampled_from(GAPS)) for word in words)
        cuts = sorted(draw(st.sets(st.integers(0, len(text)), min_size=2, max_size=6)))
        units = [
            Unit(start, end, (draw(st.sampled_from([PLAN, STEP])),))
            for start, end in zip(cuts, cuts[1:], strict=False)
            if draw(st.integers(0, 4))
        ]
        random_documents.append(
            LabeledDocument(f"d{number}", text, tuple(units), draw(st.sampled_from(["", "p", "q"])))
        )
    return random_documents


GRAMS = ["wait", "let me", "let me check", "check so", "so", "wait wait", "me", "absent", "let absent"]
