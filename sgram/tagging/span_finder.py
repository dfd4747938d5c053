"""Occurrences of a lexicon's grams in texts, compiled: the fast equivalent of `find_spans`."""

import numpy as np

from sgram.errors import UsageError
from sgram.lexicon import LexiconLike, as_lexicon
from sgram.tagging.kernel.automaton import Automaton
from sgram.tagging.kernel.compiled_types import ByteArray, Int32Array
from sgram.tagging.kernel.span_scan import find_occurrences, flatten_trie, pack_states, to_character_offsets
from sgram.tagging.span import Span, SpanList

_MAX_BYTES = (1 << 31) - 1
"""Largest buffer whose offsets fit into int32."""


def utf8_line(text: str) -> ByteArray:
    """Return a text in UTF-8 with a newline at its end, as the kernels read it, uint8 (bytes,).

    Raise `UsageError` if it has 2 GiB or more.

    >>> utf8_line("so").tolist()
    [115, 111, 10]
    """
    # writable, as the buffers are that kernels fill: for another type of array they would be compiled once more
    buffer = np.frombuffer(bytearray(text.encode("utf-8", "surrogatepass") + b"\n"), np.uint8)
    if len(buffer) > _MAX_BYTES:
        raise UsageError(
            f"a text must have fewer than {_MAX_BYTES:,} bytes (got {len(buffer) - 1:,}); split it into parts"
        )
    return buffer


class SpanFinder:
    """Finder of every occurrence of a lexicon's grams in a text, equal to `find_spans`, fast enough for a corpus.

    `lexicon` is a `Lexicon`, its path, the name of a preset, or a list of phrases.

    >>> from sgram.lexicon import Lexicon
    >>> find = SpanFinder(Lexicon.from_grams(["let me", "let me check"]))
    >>> [(span.start, span.end, span.gram) for span in find("Wait, LET me check.")]
    [(6, 18, 'let me check'), (6, 12, 'let me')]
    """

    def __init__(self, lexicon: LexiconLike):
        self.lexicon = lexicon = as_lexicon(lexicon)
        automaton = Automaton.from_lexicon(lexicon)
        self._tables = (
            automaton.byte_columns,
            flatten_trie(automaton),
            np.uint64(automaton.trie.shape[1]),
            pack_states(automaton),
            automaton.first_states.astype(np.uint32),
            automaton.edges.astype(np.uint32).ravel(),
        )
        self._span_fields = [
            (cluster.move, cluster.id, gram.text) for cluster in lexicon.clusters for gram in cluster.grams
        ]

    def __call__(self, text: str) -> SpanList:
        """Return the spans of `text` by start; of spans that start together, the longest comes first."""
        span_fields = self._span_fields
        return SpanList([Span(start, end, *span_fields[row]) for start, end, row in self.offsets(text).tolist()], text)

    def offsets(self, text: str) -> Int32Array:
        """Return (n, 3) int32: start and end (characters) and row in ``lexicon.grams`` of each occurrence, same order.

        Raise `UsageError` if `text` has 2 GiB or more in UTF-8.

        >>> from sgram.lexicon import Lexicon
        >>> SpanFinder(Lexicon.from_grams(["let me"])).offsets("Let me see, let me.").tolist()
        [[0, 6, 0], [12, 18, 0]]
        """
        buffer = utf8_line(text)
        occurrences: Int32Array = find_occurrences(buffer, *self._tables)
        if not text.isascii():
            to_character_offsets(buffer, occurrences)
        return occurrences

    def __repr__(self) -> str:
        return f"SpanFinder({self.lexicon!r})"
