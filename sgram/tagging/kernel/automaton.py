"""A lexicon as arrays that compiled code can walk, byte by byte and word by word.

Both structures are exact (no hashes):

- A trie over the UTF-8 bytes of the lexicon's words. A walk starts at `ROOT` and takes one step per byte. `DEAD` is
  the node of every byte sequence that begins no word of the lexicon. A word can be read in parts, wherever a
  tokenizer splits it.
- An automaton over words (Aho and Corasick, 1975). Its state is the longest sequence of last words with which a gram
  begins. A word costs about one step, however many grams there are.
"""

from collections import deque
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from sgram.lexicon import Lexicon
from sgram.tagging.kernel.compiled_types import ByteArray, Int8Array, Int32Array

DEAD, ROOT = 0, 1


@dataclass(frozen=True, slots=True, eq=False)
class Automaton:
    """Tables of one lexicon: N nodes of the byte trie, S states of the word automaton, W words, C columns."""

    byte_columns: ByteArray
    """(256,): column of each byte in `trie`; 0 for a byte that no word contains."""
    trie: Int32Array
    """(N, C): the node that a byte leads to."""
    node_words: Int32Array
    """(N,): the word that ends at a node, -1 for none."""
    first_states: Int32Array
    """(W,): state after a word at the start of a sentence, 0 if no gram begins with the word."""
    edge_bases: Int32Array
    """(S,): where a state's row of `edges` begins. The rows overlap; see `_overlay_rows`."""
    edges: Int32Array
    """(E, 2): the state that an edge leaves, and the state that it leads to."""
    failure_links: Int32Array
    """(S,): state of the longest proper suffix of a state's words."""
    longest_grams: Int32Array
    """(S,): number of words of the longest gram that ends in a state, 0 for none."""
    gram_moves: Int8Array
    """(S,): move of that gram, an index into `moves`."""
    depths: Int32Array
    """(S,): number of words of a state."""
    gram_rows: Int32Array
    """(S,): row in ``lexicon.grams`` of the gram that equals the state's words, -1 for none."""
    output_links: Int32Array
    """(S,): state of the longest proper suffix that is a gram, 0 for none."""
    moves: tuple[str, ...]
    """Names of the moves, by their numbers in `gram_moves`: those of the lexicon."""

    @classmethod
    @lru_cache(maxsize=4)
    def from_lexicon(cls, lexicon: Lexicon) -> "Automaton":
        """Return the tables of all grams of `lexicon`. The last four lexicons' are cached.

        >>> automaton = Automaton.from_lexicon(Lexicon.from_grams(["let me", "let me see"]))
        >>> len(automaton.first_states), automaton.depths.tolist()
        (3, [0, 1, 2, 3])
        """
        words = sorted({word for gram in lexicon.grams for word in gram.words})
        byte_columns, trie, node_words = _build_byte_trie(words)
        states = _WordStates.from_lexicon(lexicon, {word: word_id for word_id, word in enumerate(words)})
        first_states = np.zeros(len(words), np.int32)
        for word_id, state in states.children[0].items():
            first_states[word_id] = state
        edge_bases, edges = _overlay_rows(states.children[1:], len(words))
        return cls(
            byte_columns,
            trie,
            node_words,
            first_states,
            np.concatenate(([0], edge_bases)).astype(np.int32),
            edges,
            np.array(states.failure_links, np.int32),
            np.array(states.longest_grams, np.int32),
            np.array(states.gram_moves, np.int8),
            np.array(states.depths, np.int32),
            np.array(states.gram_rows, np.int32),
            np.array(states.output_links, np.int32),
            lexicon.moves,
        )


def _build_byte_trie(words: list[str]) -> tuple[ByteArray, Int32Array, Int32Array]:
    """Return (byte_columns, trie, node_words) of `Automaton`."""
    words_as_bytes = [word.encode() for word in words]
    byte_columns = np.zeros(256, np.uint8)
    alphabet = sorted(set().union(*words_as_bytes))
    if len(alphabet) > 255:
        raise AssertionError("UTF-8 uses at most 243 different bytes")
    byte_columns[alphabet] = np.arange(1, len(alphabet) + 1)
    columns = byte_columns.tolist()
    rows: list[list[int]] = [[0] * (len(alphabet) + 1), [0] * (len(alphabet) + 1)]
    node_words = [-1, -1]
    for word_id, word_bytes in enumerate(words_as_bytes):
        node = ROOT
        for byte in word_bytes:
            column = columns[byte]
            if not rows[node][column]:
                rows[node][column] = len(rows)
                rows.append([0] * (len(alphabet) + 1))
                node_words.append(-1)
            node = rows[node][column]
        node_words[node] = word_id
    return byte_columns, np.array(rows, np.int32), np.array(node_words, np.int32)


@dataclass(slots=True)
class _WordStates:
    """States of the word automaton as lists; the fields are those of `Automaton`. State 0 is the empty one."""

    children: list[dict[int, int]]
    """Of each state: word id -> state."""
    depths: list[int]
    gram_rows: list[int]
    failure_links: list[int]
    longest_grams: list[int]
    gram_moves: list[int]
    output_links: list[int]

    @classmethod
    def from_lexicon(cls, lexicon: Lexicon, word_ids: dict[str, int]) -> "_WordStates":
        children: list[dict[int, int]] = [{}]
        gram_rows, depths = [-1], [0]
        numbers = {move: number for number, move in enumerate(lexicon.moves)}
        moves = [numbers[cluster.move] for cluster in lexicon.clusters for _ in cluster.grams]
        for row, gram in enumerate(lexicon.grams):
            state = 0
            for word in gram.words:
                word_id = word_ids[word]
                if word_id not in children[state]:
                    children[state][word_id] = len(children)
                    children.append({})
                    gram_rows.append(-1)
                    depths.append(depths[state] + 1)
                state = children[state][word_id]
            gram_rows[state] = row
        failure_links, longest_grams, gram_moves, output_links = ([0] * len(children) for _ in range(4))
        queue = deque(children[0].values())
        while queue:  # breadth first, so that the suffix of a state is complete before the state
            state = queue.popleft()
            suffix = failure_links[state]
            output_links[state] = suffix if gram_rows[suffix] >= 0 else output_links[suffix]
            if gram_rows[state] >= 0:
                longest_grams[state], gram_moves[state] = depths[state], moves[gram_rows[state]]
            else:
                longest_grams[state], gram_moves[state] = longest_grams[suffix], gram_moves[suffix]
            for word_id, child in children[state].items():
                fallback = suffix
                while fallback and word_id not in children[fallback]:
                    fallback = failure_links[fallback]
                failure_links[child] = children[fallback].get(word_id, 0)
                queue.append(child)
        return cls(children, depths, gram_rows, failure_links, longest_grams, gram_moves, output_links)


def _overlay_rows(rows: list[dict[int, int]], n_words: int) -> tuple[Int32Array, Int32Array]:
    """Return (edge_bases, edges): the sparse rows of states 1, 2, ... in one table, each shifted to free slots.

    The edge of word w from state s is in slot ``edge_bases[s] + w``; it exists if ``edges[slot, 0] == s``.
    """
    next_free: dict[int, int] = {}  # occupied slot -> a slot that may be free; walks halve the paths (union-find)
    slot_edges: dict[int, tuple[int, int]] = {}
    edge_bases = np.zeros(len(rows), np.int32)

    def find_free(slot: int) -> int:
        while slot in next_free:
            next_free[slot] = next_free.get(next_free[slot], next_free[slot])
            slot = next_free[slot]
        return slot

    for row in sorted(range(len(rows)), key=lambda row: -len(rows[row])):  # widest rows first: they are hard to fit
        word_ids = sorted(rows[row])
        if not word_ids:
            continue
        slot = find_free(word_ids[0])
        while any(slot - word_ids[0] + word_id in next_free for word_id in word_ids):
            slot = find_free(slot + 1)
        edge_bases[row] = slot - word_ids[0]
        for word_id in word_ids:
            slot = int(edge_bases[row]) + word_id
            slot_edges[slot] = row + 1, rows[row][word_id]
            next_free[slot] = slot + 1
    edges = np.zeros((int(edge_bases.max(initial=0)) + n_words + 1, 2), np.int32)
    edges[np.array(list(slot_edges), np.int64)] = np.array(list(slot_edges.values()), np.int32).reshape(-1, 2)
    return edge_bases, edges
