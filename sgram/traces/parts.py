"""Parts of a text: which stretches are reasoning, answer, tool text and turns.

A part is ``{"kind", "start", "end"}`` with half-open character offsets, as it stands in ``meta["parts"]``. Of a text
without parts it is unknown what is reasoning and what is answer. Parts come in one of two ways: a tool that writes
reasoning and answer apart gives pieces, which `join_pieces` joins; a text that marks its reasoning by tags is searched
by `find_parts`.

Rules of `find_parts`
---------------------
1. A marker is a tag of `MARKERS`. Markers stay in the text; a reasoning part includes its own.
2. Markers are matched in order. After an opening marker everything is reasoning until the closing marker of the same
   family: other markers, further openings of the family among them, are text of the reasoning.
3. A closing marker without an opening one ends a reasoning that began at the start of the text, unless the text itself
   begins with an opening marker. A second one is text.
4. An opening marker that is never closed begins a reasoning that lasts to the end of the text, if it begins a line or
   a reasoning of its family stands before it; else it is text.
5. A marker between quotation marks, or inside a code span of one line (`` `<think>` ``), is text. Code fences have no
   effect.
6. What is not reasoning is answer. Whitespace around a part belongs to no part.

Two models write no such pairs: gpt-oss (harmony channels, with or without their special tokens) and Granite 3.2.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple, TypedDict

from sgram.traces.trace import RowError, json_type

PartKind = Literal["reasoning", "answer", "tool", "turn"]
"""`turn` spans all parts of one turn of the model, if there are several turns."""
PartChoice = Literal["reasoning", "answer", "all"]
"""What ``--part`` selects."""
Piece = tuple[PartKind, str]
"""A stretch of a text before it is joined. ``("turn", "")`` marks the beginning of a turn."""
SEPARATOR = "\n\n"
"""Text between two pieces that were separate; it belongs to no part."""


class Part(TypedDict):
    """One part of a text, as JSON."""

    kind: PartKind
    start: int
    end: int


class MarkerPair(NamedTuple):
    """Opening and closing marker of a reasoning."""

    opening: str
    closing: str
    source: str
    answer: str = ""
    """Marker that begins the answer; it ends a reasoning that was not closed."""
    closes_alone: bool = True
    """Whether the closing marker means the end of a reasoning also without an opening one."""


_OPEN_WEBUI = "Open WebUI, backend/open_webui/utils/middleware.py, DEFAULT_REASONING_TAGS"
_NAMED_TAGS = {
    "think": "DeepSeek-R1, Qwen3, QwQ, GLM-4.5, Hunyuan, Nemotron, OLMo 3 and others: vllm/reasoning/*",
    "thinking": f"{_OPEN_WEBUI}; Reflection-Llama-3.1-70B, model card",
    "thought": f"EXAONE Deep, model card; {_OPEN_WEBUI}",
    "thoughts": "plural of the tag before",
    "reasoning": f"{_OPEN_WEBUI}; format rewards of GRPO recipes",
    "reason": _OPEN_WEBUI,
    "reflection": "Reflection-Llama-3.1-70B, model card, where it stands outside of <thinking>",
    "antthinking": "Claude artifacts, <antThinking>",
    "scratchpad": "prompts that ask for a scratchpad before the answer",
}
MARKERS = (
    *(MarkerPair(f"<{name}>", f"</{name}>", source) for name, source in _NAMED_TAGS.items()),
    MarkerPair("<seed:think>", "</seed:think>", "Seed-OSS: vllm/reasoning/seedoss_reasoning_parser.py"),
    MarkerPair("<mm:think>", "</mm:think>", "MiniMax M3: vllm/reasoning/minimax_m3_reasoning_parser.py"),
    MarkerPair("[THINK]", "[/THINK]", "Magistral: vllm/reasoning/mistral_reasoning_parser.py"),
    MarkerPair("◁think▷", "◁/think▷", "Kimi-VL, Kimi-Dev: sglang/srt/parser/reasoning_parser.py, KimiDetector"),
    MarkerPair(
        "<|open|>think<|sep|>",
        "<|close|>think<|sep|>",
        "Kimi K3: vllm/reasoning/kimi_k3_reasoning_parser.py",
        answer="<|open|>response<|sep|>",
    ),
    MarkerPair(
        "<|begin_of_thought|>",
        "<|end_of_thought|>",
        f"Sky-T1, OpenThoughts-114k: data set cards; {_OPEN_WEBUI}",
        answer="<|begin_of_solution|>",
    ),
    MarkerPair("<|im_start|>think", "", "s1: simplescaling/s1, chat format of its models", answer="<|im_start|>answer"),
    MarkerPair(
        "<|START_THINKING|>", "<|END_THINKING|>", "Command A: vllm/reasoning/cohere_command_reasoning_parser.py"
    ),
    MarkerPair("<|inner_prefix|>", "<|inner_suffix|>", "Apertus: vllm/reasoning/apertus_reasoning_parser.py"),
    MarkerPair("<|channel>", "<channel|>", "Gemma 4: vllm/reasoning/gemma4_reasoning_parser.py"),
    MarkerPair(
        "<|content_thinking|>",
        "<|end_message|>",
        "Inkling: sglang/srt/parser/inkling_tokenizer.py",
        closes_alone=False,  # it also ends the answer
    ),
    MarkerPair("[unused16]", "[unused17]", "Pangu: vllm/reasoning/pangu_reasoning_parser.py"),
)
"""Markers of thinking with their sources. Tags with a prefix or suffix, ``<x:think>`` and ``<think:x>``, count too;
upper and lower case of those that begin with ``<`` are the same."""

# A suffix: Hunyuan V3, vllm/reasoning/hy_v3_reasoning_parser.py.
_PREFIXED_THINK = r"(?:\w{1,16}:)?think(?::\w{1,16})?"
_HARMONY_MESSAGE = "<|message|>"


def _marker_roles() -> dict[str, tuple[str, str]]:
    """Return (family, "opening", "closing" or "answer") of each literal marker, in lower case."""
    roles = {}
    for pair in MARKERS:
        family = pair.opening.lower()
        for role, marker in (("opening", pair.opening), ("closing", pair.closing), ("answer", pair.answer)):
            if marker:
                roles[marker.lower()] = (family, role)
    return roles


_ROLES = _marker_roles()
_PAIRS = {(pair.opening, pair.closing) for pair in MARKERS if pair.closing}
_CLOSES_NOT_ALONE = {pair.opening.lower() for pair in MARKERS if not pair.closes_alone}
# The expressions begin with one character, so that the search for it is a memchr: most texts have no marker at all.
_ANGLE_MARKER = re.compile(
    r"<(?=[/|a-z])(?:/?{}>|{})".format(
        _PREFIXED_THINK,
        "|".join(re.escape(marker[1:]) for marker in (*_ROLES, _HARMONY_MESSAGE) if marker.startswith("<")),
    ),
    re.IGNORECASE,
)
_BRACKET_MARKER = re.compile(r"\[(?=[/Tu])(?:/?THINK|unused1[67])\]")
_TRIANGLE_MARKER = re.compile("◁/?think▷")
_CODE_SPAN = 120
"""Characters on either side of a marker in which the backticks of a code span are looked for."""
_CLOSING_QUOTES = {'"': '"', "'": "'", "“": "”", "‘": "’", "«": "»", "`": "`"}


class _Marker(NamedTuple):
    start: int
    end: int
    family: str
    role: str

    @property
    def reasoning_end(self) -> int:
        """Where the reasoning ends that this closing marker ends: an answer's marker belongs to the answer."""
        return self.start if self.role == "answer" else self.end


_Block = tuple[PartKind, int, int]


def find_parts(text: str) -> list[Part]:
    r"""Return the parts of a text by its markers of thinking; none if it has no marker.

    The parts are in order, do not overlap, begin and end with a character that is no space, and hold every such
    character of the text. The rules are in the module's docstring. The time is linear in the length of the text.

    >>> text = "<think>\nHmm.\n</think>\n\n4"
    >>> [(part["kind"], text[part["start"]:part["end"]]) for part in find_parts(text)]
    [('reasoning', '<think>\nHmm.\n</think>'), ('answer', '4')]
    >>> find_parts("4")
    []
    """
    blocks: list[_Block] = []
    matches = [*_ANGLE_MARKER.finditer(text)] if "<" in text else []
    if "[" in text:
        matches += _BRACKET_MARKER.finditer(text)
    if not text.isascii():
        matches += _TRIANGLE_MARKER.finditer(text)
    if _is_pair(text, matches):  # most texts with markers; the rules give the same
        blocks = [("reasoning", matches[0].start(), matches[1].end())]
    elif matches:
        if any(match.group() == _HARMONY_MESSAGE for match in matches):
            blocks = _harmony_blocks(text)
        blocks = blocks or _tag_blocks(text, matches)
    elif text.startswith("analysis"):
        blocks = _bare_harmony_blocks(text)
    blocks = blocks or _granite_blocks(text)
    return _cover(text, blocks) if blocks else []


def _is_pair(text: str, matches: Sequence[re.Match[str]]) -> bool:
    """Return whether a text has one opening marker, its closing one, and no other; none of them is quoted."""
    if len(matches) != 2:
        return False
    opening, closing = matches
    names = opening.group(), closing.group()
    return names in _PAIRS and not _is_quoted(text, *opening.span()) and not _is_quoted(text, *closing.span())


def _cover(text: str, blocks: Sequence[_Block]) -> list[Part]:
    """Return blocks, and what lies between them as answer, without the whitespace around them."""
    parts: list[Part] = []
    position = 0
    for kind, start, end in blocks:
        if position < start:
            _add_part(parts, "answer", text, position, start)
        _add_part(parts, kind, text, start, end)
        position = end
    _add_part(parts, "answer", text, position, len(text))
    return parts


def _add_part(parts: list[Part], kind: PartKind, text: str, start: int, end: int) -> None:
    """Add a stretch of text without the whitespace around it; nothing if there is nothing else."""
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    if start < end:
        parts.append({"kind": kind, "start": start, "end": end})


def _markers(text: str, matches: Sequence[re.Match[str]]) -> list[_Marker]:
    """Return the markers of a text in order, without those that are quoted."""
    markers = []
    for match in sorted(matches, key=re.Match.start):
        start, end = match.span()
        name = match.group().lower()
        if name != _HARMONY_MESSAGE and not _is_quoted(text, start, end):
            family, role = _ROLES.get(name) or (name.replace("/", "", 1), "closing" if name[1] == "/" else "opening")
            markers.append(_Marker(start, end, family, role))
    return markers


def _is_quoted(text: str, start: int, end: int) -> bool:
    """Return whether quotation marks enclose a marker, or a code span of its line does."""
    if not start:
        return False
    if text[end : end + 1] == _CLOSING_QUOTES.get(text[start - 1]):
        return True
    before = text[max(0, start - _CODE_SPAN) : start].rpartition("\n")[2]
    return before.count("`") % 2 == 1 and "`" in text[end : end + _CODE_SPAN].partition("\n")[0]


def _tag_blocks(text: str, matches: Sequence[re.Match[str]]) -> list[_Block]:
    """Return the reasonings of a text that marks them by `MARKERS`."""
    markers = _markers(text, matches)
    if not markers:
        return []
    blocks: list[_Block] = []
    n_done = _close_alone(text, markers)
    if n_done:
        blocks.append(("reasoning", 0, markers[n_done - 1].reasoning_end))
    last_closing = {marker.family: row for row, marker in enumerate(markers) if marker.role != "opening"}
    closed_families = {markers[n_done - 1].family} if n_done else set()
    opening: _Marker | None = None
    for row in range(n_done, len(markers)):
        marker = markers[row]
        if opening is not None:
            if marker.family == opening.family and marker.role != "opening":
                blocks.append(("reasoning", opening.start, marker.reasoning_end))
                closed_families.add(marker.family)
                opening = None
        elif marker.role == "opening":
            if last_closing.get(marker.family, -1) > row:
                opening = marker
            elif marker.family in closed_families or _begins_line(text, marker.start):
                blocks.append(("reasoning", marker.start, len(text)))
                break
    return blocks


def _close_alone(text: str, markers: Sequence[_Marker]) -> int:
    """Return how many markers a reasoning holds that began at the start without an opening marker; 0: there is none."""
    if markers[0].role == "opening" and not text[: markers[0].start].strip():
        return 0
    opened: set[str] = set()
    for row, marker in enumerate(markers):
        if marker.role == "opening":
            opened.add(marker.family)
        elif marker.family not in opened and marker.family not in _CLOSES_NOT_ALONE:
            return row + 1
    return 0


def _begins_line(text: str, start: int) -> bool:
    while start and text[start - 1] in " \t":
        start -= 1
    return not start or text[start - 1] == "\n"


# Granite 3.2 writes sentences: vllm/reasoning/granite_reasoning_parser.py. Other models write the first one too, so
# that both must be there.
_GRANITE_REASONING = re.compile(r"\s*Here(?: is|'s) my thought process:")
_GRANITE_ANSWER = re.compile(r"Here(?: is|'s) my response:")


def _granite_blocks(text: str) -> list[_Block]:
    """Return the reasoning of a text that Granite wrote."""
    opening = _GRANITE_REASONING.match(text)
    closing = _GRANITE_ANSWER.search(text, opening.end()) if opening else None
    return [("reasoning", 0, closing.start())] if closing else []


# The harmony format of gpt-oss: openai/harmony, docs/format.md. A message is
# <|start|>ROLE[ to=RECIPIENT]<|channel|>CHANNEL[ to=RECIPIENT][ <|constrain|>json]<|message|>TEXT<|end|>,
# with <|return|> or <|call|> in place of <|end|> where the model stops. A response begins behind the first
# <|start|>assistant, which the prompt holds.
_HARMONY_HEADER = re.compile(r"\s*(?:assistant\s*)?(?:analysis|commentary|final)\s*(?:to=\S{1,100}\s*)?")
_HARMONY_TOKEN = re.compile(r"<\|(start|channel|message|end|return|call)\|>")


def _harmony_blocks(text: str) -> list[_Block]:
    """Return the messages of a text in the harmony format, each with its special tokens."""
    blocks: list[_Block] = []
    start: int | None = None  # of the message at hand
    kind: PartKind | None = None  # of the message at hand, known behind its header
    position = 0  # end of the last message
    for token in _HARMONY_TOKEN.finditer(text):
        name = token.group(1)
        if _is_quoted(text, *token.span()):
            continue
        if name == "message":
            if start is None and _HARMONY_HEADER.fullmatch(text, position, token.start()):
                start = position
            if kind is None and start is not None:
                kind = _harmony_kind(text[start : token.start()])
        elif name in ("start", "channel"):
            if kind is not None and start is not None:  # the message has no end token
                blocks.append((kind, start, token.start()))
                start, kind, position = None, None, token.start()
            start = token.start() if start is None else start
        elif kind is not None and start is not None:
            blocks.append((kind, start, token.end()))
            start, kind, position = None, None, token.end()
        elif not blocks and start is None:  # the prompt held the beginning of the reasoning
            blocks.append(("reasoning", 0, token.end()))
            position = token.end()
    if kind is not None and start is not None:
        blocks.append((kind, start, len(text)))
    elif start is not None and blocks:  # the text ends inside a header
        blocks[-1] = (*blocks[-1][:2], len(text))
    return blocks


def _harmony_kind(header: str) -> PartKind:
    """Return the kind of a harmony message by its header: role, recipient and channel."""
    role = re.match(r"\s*<\|start\|>(\w*)", header)
    if re.search(r"\bto=(?!user\b)", header) or (role and role.group(1) not in ("", "assistant")):
        return "tool"  # a call, or a message that the model did not write
    return "reasoning" if re.search(r"\banalysis\b", header) else "answer"


# Decoding without special tokens leaves the names of roles and channels: "analysisWe need ...assistantfinal42".
_BARE_HARMONY_HEADER = re.compile(r"assistant(analysis|commentary to=|commentary|final)")


def _bare_harmony_blocks(text: str) -> list[_Block]:
    """Return the messages of a text in the harmony format that lost its special tokens and begins with ``analysis``."""
    headers = list(_BARE_HARMONY_HEADER.finditer(text))
    starts = [0, *(header.start() for header in headers)]
    kinds: dict[str, PartKind] = {"analysis": "reasoning", "commentary to=": "tool"}
    names = ["analysis", *(header.group(1) for header in headers)]
    ends = [*starts[1:], len(text)]
    spans = zip(names, starts, ends, strict=True)
    return [(kinds.get(name, "answer"), start, end) for name, start, end in spans] if headers else []


def join_pieces(pieces: Sequence[Piece]) -> tuple[str, list[Part]]:
    r"""Return the joined text of `pieces` and one part for each.

    Two pieces are joined by one blank line that belongs to no part. A piece without any character but whitespace is
    left out. If at least two turns (``("turn", "")`` begins one) have text, a part of kind ``turn`` stands before the
    parts of each turn and spans them.

    >>> join_pieces([("reasoning", "Hmm."), ("answer", "4")])[0]
    'Hmm.\n\n4'
    >>> [part["kind"] for part in join_pieces([("answer", "a"), ("turn", ""), ("answer", "b")])[1]]
    ['turn', 'answer', 'turn', 'answer']
    """
    texts: list[str] = []
    turns: list[list[Part]] = [[]]
    position = 0
    for kind, text in pieces:
        if text.strip():
            turns[-1].append(Part(kind=kind, start=position, end=position + len(text)))
            texts.append(text)
            position += len(text) + len(SEPARATOR)
        elif kind == "turn" and turns[-1]:
            turns.append([])
    turns = [parts for parts in turns if parts]
    return SEPARATOR.join(texts), [part for parts in turns for part in _with_turn(parts, len(turns))]


def _with_turn(parts: list[Part], n_turns: int) -> list[Part]:
    return parts if n_turns < 2 else [Part(kind="turn", start=parts[0]["start"], end=parts[-1]["end"]), *parts]


def text_and_parts(pieces: Sequence[Piece]) -> tuple[str, list[Part]]:
    """Return the joined text of `pieces` and its parts: those of `join_pieces`, their answers searched by `find_parts`.

    There are no parts if the text is one turn in which nothing but answer is marked.

    >>> text_and_parts([("answer", "Hmm.</think>4")])[1][0]
    {'kind': 'reasoning', 'start': 0, 'end': 12}
    >>> text_and_parts([("answer", "4")])
    ('4', [])
    """
    text, joined_parts = join_pieces(pieces)
    parts: list[Part] = []
    row = 0
    while row < len(joined_parts):
        n_answers = 0
        while row + n_answers < len(joined_parts) and joined_parts[row + n_answers]["kind"] == "answer":
            n_answers += 1
        if n_answers:  # pieces of one answer: a reasoning may begin in one and end in another
            stretch = joined_parts[row : row + n_answers]
            start = stretch[0]["start"]
            found_parts = find_parts(text[start : stretch[-1]["end"]])
            for part in found_parts:
                part["start"], part["end"] = part["start"] + start, part["end"] + start
            parts += found_parts or stretch
        else:
            parts.append(joined_parts[row])
        row += n_answers or 1
    return text, [] if all(part["kind"] == "answer" for part in parts) else parts


def check_parts(text: str, parts: Any) -> list[Part]:
    """Return `parts` as they came with a trace; raise `RowError` if they are not parts of `text`.

    >>> check_parts("4", [{"kind": "answer", "start": 0, "end": 1}])
    [{'kind': 'answer', 'start': 0, 'end': 1}]
    """
    if parts is None:
        return []
    if not isinstance(parts, list | tuple):
        raise RowError(f"parts are {json_type(parts)}, not an array")
    last_end: dict[str, int] = {}
    for part in parts:
        if not isinstance(part, Mapping):
            raise RowError(f"a part is {json_type(part)}, not an object")
        kind, start, end = part.get("kind"), part.get("start"), part.get("end")
        if not isinstance(kind, str) or kind not in ("reasoning", "answer", "tool", "turn"):
            raise RowError(f"kind of a part is {kind!r:.40}, not reasoning, answer, tool or turn")
        if type(start) is not int or type(end) is not int or not last_end.get(kind, 0) <= start <= end <= len(text):
            raise RowError(f"offsets of a part do not fit the text: {start!r:.20} to {end!r:.20} ({kind})")
        last_end[kind] = end
    return list(parts)


def select_part(text: str, parts: Any, choice: PartChoice) -> list[tuple[int, int]]:
    """Return the (start, end) intervals of a text that ``--part`` selects, in order; none if the text has no such part.

    Of a text without parts it is unknown what is reasoning and what is answer: it has neither. Raise `RowError` if
    `parts` are not parts of `text`.

    >>> text = "Hmm.</think>4"
    >>> select_part(text, find_parts(text), "answer"), select_part("4", [], "all"), select_part("4", [], "answer")
    ([(12, 13)], [(0, 1)], [])
    """
    if choice == "all":
        return [(0, len(text))] if text else []
    selected = [part for part in check_parts(text, parts) if part["kind"] == choice]
    return [(part["start"], part["end"]) for part in selected if part["start"] < part["end"]]


def insert_reasoning(pieces: Sequence[Piece], texts: Sequence[str]) -> list[Piece]:
    """Return `pieces` with the reasoning `texts` before the last answer, unless the pieces hold it already.

    >>> insert_reasoning([("answer", "4")], ["Hmm."])
    [('reasoning', 'Hmm.'), ('answer', '4')]
    >>> insert_reasoning([("answer", "<think>Hmm.</think>4")], ["Hmm."])
    [('answer', '<think>Hmm.</think>4')]
    """
    texts = [text for text in texts if text.strip()]
    if not texts or holds_reasoning(pieces, texts):
        return list(pieces)
    answers = [row for row, (kind, text) in enumerate(pieces) if kind == "answer" and text.strip()]
    row = answers[-1] if answers else len(pieces)
    return [*pieces[:row], *(("reasoning", text) for text in texts), *pieces[row:]]


def holds_reasoning(pieces: Sequence[Piece], texts: Sequence[str]) -> bool:
    """Return whether `pieces` hold the reasoning `texts`, apart from whitespace.

    They do if their reasoning contains it, if an answer contains it between its markers of thinking, and if an answer
    is the same text or begins with it and a line end.
    """
    reasoning = squeeze("".join(texts))
    own_reasoning = squeeze("".join(text for kind, text in pieces if kind == "reasoning"))
    if reasoning in own_reasoning:
        return True
    for kind, text in pieces:
        if kind != "answer":
            continue
        marked = [text[part["start"] : part["end"]] for part in find_parts(text) if part["kind"] == "reasoning"]
        first, *_ = texts
        begins_with_it = len(texts) == 1 and text.strip().startswith(first.strip() + "\n")
        if reasoning in squeeze("".join(marked)) or begins_with_it or squeeze(text) == reasoning:
            return True
    return False


def squeeze(text: str) -> str:
    """Return a text without its whitespace, to compare it with another."""
    return "".join(text.split())
