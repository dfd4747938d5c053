"""Lexicons by hand and at random, for the tests of lexicons."""

from itertools import pairwise

from hypothesis import settings
from hypothesis import strategies as st

from sgram.lexicon import MOVES, Cluster, Gram, Lexicon


def gram(text, df=None, **fields):
    return Gram(tuple(text.split(" ")), df, **fields)


def cluster(*grams, df=None, move="other", medoid=None, score=None):
    grams = tuple(gram(member) if isinstance(member, str) else member for member in grams)
    return Cluster(0, grams, df, medoid or grams[0].text, move, score)


def lexicon(*clusters, name="made", **source):
    return Lexicon.build(name, clusters, source)


def doubts():
    """Two clusters by hand; ranks: 'let me check' (df 9) is 0, 'wait' (df 7) is 1."""
    wait = cluster(
        gram("wait", 5, count=8, df_correct=3, df_wrong=1, score=0.25),
        gram("hold on", 4, core=False),
        df=7,
        move="backtracking",
        score=1.5,
    )
    return lexicon(wait, cluster(gram("let me check", 9), df=9, move="verification"), seed=1)


patient = settings(deadline=None)  # a busy machine is no failure

WORDS = ["wait", "hold", "on", "let's", "me", "check", "the", "re-check", "naïve", "再び", "now"]
words = st.sampled_from(WORDS)
texts = st.lists(words, min_size=1, max_size=6).map(" ".join)
scores = st.none() | st.floats(-1e6, 1e6)


@st.composite
def lexicons(draw):
    """Lexicons with unique grams cut into clusters at random, numbers known or not."""
    phrases = draw(st.lists(texts, unique=True, min_size=1, max_size=12))
    has_df = draw(st.booleans())
    grams = []
    for text in phrases:
        df = draw(st.integers(0, 50)) if has_df else None
        count = draw(st.none() | st.integers(df or 0, 99))
        grams.append(gram(text, df, count=count, score=draw(scores), core=draw(st.booleans())))
    cuts = sorted(draw(st.sets(st.integers(1, len(grams)))) | {0, len(grams)})
    parts = [grams[start:end] for start, end in pairwise(cuts)]
    inputs = draw(st.none() | st.lists(st.sampled_from("abcd"), unique=True, min_size=1))
    source = {} if inputs is None else {"inputs": inputs}
    clusters = []
    for part in parts:
        df = max(member.df for member in part) if has_df else None
        clusters.append(cluster(*part, df=df, move=draw(st.sampled_from(MOVES)), score=draw(scores)))
    return Lexicon.build(draw(st.sampled_from(["one", "two"])), clusters, source)
