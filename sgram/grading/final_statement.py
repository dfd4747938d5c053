r"""Where a response states its answer.

What counts is what follows the last part of thinking; a part of thinking that is never closed holds no answer. There
the last of these is the answer:

- a mark: ``<answer>...</answer>``, ``\boxed{}``, ``#### ...`` (boxes joined by "and", "or" or a comma are one answer);
- a statement: "Answer: ...", "The correct answer is ...", "Final answer" above a line, and the same in some languages;
- without both: the ending, of which `sgram.grading.judging` reads the last sentence.

Passed over: special tokens, offers of more help behind the answer, and what a model continues with after its answer,
such as another question.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from sgram.grading.answers import MAX_ANSWER_CHARS, braced, unwrap_box
from sgram.traces.parts import find_parts

WINDOW_CHARS = 20_000
"""Characters at the end of a response in which statements are searched for; a box or tag is found anywhere."""
ENDING_CHARS = 1000
"""Characters of an ending."""
_MAX_STATEMENT = 600
_MAX_BOXES = 64
_MAX_STATEMENTS = 64
_MAX_BEHIND_LABEL = 120
"""Characters that may follow the sentence behind a label such as "Answer:"."""
_CONCLUSION_CHARS = 400
_MAX_BEFORE_CONCLUSION = 1200
"""Characters between the statement of an answer and the end of a response that concludes something there."""
_MIN_SENTENCE = 60
_MAX_AFTER_STATEMENT = 300
"""Characters that may follow the statement of an answer in a response that is cut off."""
Form = Literal["marked", "stated", "ending"]

_SPECIAL_TOKENS = re.compile(
    r"<\|(?:im_end|im_start|eot_id|eom_id|end|endoftext|end_of_text|return|end_of_solution|begin_of_solution|"
    r"end_of_turn|assistant|user|end_of_sentence)\|>|</?s>|<eos>|<pad>|<end_of_turn>|<\uff5cend\u2581of\u2581sentence\uff5c>|"
    r"\[/?INST\]|\[END\]|</?(?:solution|response|output|final_answer|Output|Solution)>",
    re.IGNORECASE,
)
_ANSWER_TURN = re.compile(r"\nanswer\n(?!.*\nanswer\n)", re.DOTALL)
"""What decoding leaves of the token that begins the answer of s1 (simplescaling/s1), where it skips special tokens."""
_SPACES = re.compile(r"[^\S\n]{2,}")
_LINES = re.compile(r"\n(?: ?\n){2,}")
_RUNS = re.compile(r"([^\w\s\\()\[\]{}])\1{4,}")
_ANY_LINE = re.IGNORECASE | re.MULTILINE
_NEXT_TURN = re.compile(
    r"\n\s*(?:\*\*|#+\s*)?(?:question|problem|q|human|user|input|instruction|exercise)\s*\d{0,3}\s*(?:\*\*)?\s*:|"
    r"<\|im_start\|>user|<\|start_header_id\|>user|<start_of_turn>user",
    re.IGNORECASE,
)
_CHATTER = re.compile(
    r"^[\W_]*(?:please\s+)?(?:let me know|feel free|(?:i )?hope|if you(?:'d|’d)? (?:have|need|want|would|like|wish)|"
    r"is there (?:anything|something)|do you (?:want|need|have)|would you like|happy to|i(?:'m|’m| am) happy|thank|"
    r"good luck|have a (?:nice|great)|don't hesitate|do not hesitate|(?:great|good) (?:job|work)|i can (?:also )?"
    r"(?:give|explain|help|show|provide)|shall i|should i|any (?:other|more|further) questions|"
    r"this (?:completes|concludes)|"
    r"q\.?e\.?d\.?\W*$|confidence\s*[:(]|\W*$)",
    re.IGNORECASE,
)
_OFFER = re.compile(
    r"^[\W_]*(?:please\s+)?(?:let me know|feel free|is there (?:anything|something)|do you (?:want|need) me|"
    r"would you like|if you have (?:any|more|other|further|another)|(?:i )?hope (?:this|that) helps)",
    re.IGNORECASE,
)
"""Sentences behind which nothing belongs to the answer."""
_MAX_CHATTER = 5
"""Sentences at the end of a response among which such an offer is looked for."""
_BULLETS = re.compile(r"(?:[^\S\n]*[-*•][^\S\n]+\S[^\n]*(?:\n|$)){2,}")
_SENTENCE_END = re.compile(r"(?<=[.!?。])[\"'”’)*]*\s+(?=[^\s\d=<>+*/^_&)\]}a-z-])|(?<=[。！？])|\n+")
_ADJECTIVES = r"(?:(?:final|correct|right|best|overall|numerical|most appropriate|most likely|only)\s+){0,4}"
_LABEL = re.compile(
    rf"^[^\S\n]*(?:[>#*_\-• ]|\d+\.){0, 12}(?:(?:so|thus|therefore|hence),?\s+)?(?:the\s+|my\s+|our\s+)?"
    rf"(?:{_ADJECTIVES}(?:answer|ans)s?|(?:final|correct)\s+(?:solution|result|value|choice|option)|answer\s*choice)"
    r"(?:\s*\([^()\n]{0,40}\))?(?:[*_\s]*[:：=][*_\s]*|[*_]*[^\S\n]*\n+[^\S\n]*(?=\S)|\.[^\S\n]+(?=\d|\())",
    re.IGNORECASE | re.MULTILINE,
)
_SHORT_LABEL = re.compile(r"^[^\S\n]*A\s*:\s*(?=\S)", re.MULTILINE)
_INLINE_LABEL = re.compile(
    r"(?<=[.!?;,])\s+(?:\*\*)?(?:final\s+)?answer(?:\*\*)?\s*[:：]\s*(?:\*\*)?\s*(?=\S)", re.IGNORECASE
)
_SENTENCE = re.compile(
    rf"\b(?:the|my|our|so|thus|final|correct|right|best|is|,|therefore|hence|an)\s+{_ADJECTIVES}"
    r"(?:answer|choice|option|ans)\b"
    r"(?:\s+(?:to|for|of|in|here|from|among)\b[^.:=\n]{0,100}?)?"
    r"\s*\**\s*(?:is|are|was|were|would\s+be|will\s+be|must\s+be|should\s+be|becomes|comes\s+out\s+to|=|:)\s*:?\s*"
    r"(?:(?:therefore|thus|then|indeed|simply|clearly|just|exactly|actually|equal\s+to|given\s+by|option|choice|letter)\b\s*)*"
    r":?\s*",
    re.IGNORECASE,
)
_LETTER_SENTENCE = re.compile(
    r"(?:^|(?<=[\s*(]))(?=\**\(?[A-J]\)?\**\s+is\s+(?:the\s+|my\s+|our\s+)?(?:final\s+|correct\s+|right\s+|best\s+)+"
    r"(?:answer|choice|option|one)?)"
)
_OTHER_LANGUAGES = re.compile(
    r"(?:最终)?答案(?:应该|應該|应|應)?(?:就)?(?:是|为|為|：|:)\s*[:：]?\s*|(?:故|因此|所以)(?:应)?选(?:择)?\s*[:：]?\s*|答えは\s*|정답은\s*|답은\s*|"
    r"\b(?:la |le )?(?:réponse|respuesta|risposta|resposta)(?: (?:finale?|correcta?|corretta|exacte))?\s*"
    r"(?:est|es|è|é|:)\s*:?\s*|"
    r"\b(?:die )?(?:richtige |korrekte |endgültige )?(?:Antwort|Lösung)\s*(?:ist|lautet|:)\s*:?\s*|"
    r"ответ\s*(?::|—|-|равен)\s*",
    re.IGNORECASE,
)
_HASHES = re.compile(r"^[^\S\n]*####[^\S\n]*(?=\S)", re.MULTILINE)
_CONCLUSION = re.compile(
    r"(?:^|[.!?\n])\s*\**(?:therefore|thus|so|hence|in conclusion|in summary|consequently)\b", re.IGNORECASE
)
_NO_CONTENT = re.compile(
    r"^\W*(?:(?:not|also|indeed)\s+)?(?:correct|right|wrong|incorrect|reasonable|valid|confirmed|consistent|verified|clear|obvious|"
    r"unique|as follows|below|above|simply|in the|given|found|obtained|that\b|still|now|already|based|to be|expected|"
    r"supposed|likely|probably|going to be|asked|required|needed|expressed|rounded|presented|written)\b",
    re.IGNORECASE,
)
_LEAD_IN = re.compile(r"^[^\S\n]*[*_]*[:：]?[*_]*\s*\n\s*")
_JOINING = re.compile(
    r"^(?:[\s,;$*_.&]|\\[()\[\],;: ]|\\q?quad|\\text\s*\{\s*(?:and|or|,)?\s*\}|\\(?:text|mathrm)\{|\}|and|or|und|et|"
    r"(?:[A-Za-z]|\\[a-z]+)(?:_\{?\w+\}?)?\s*(?:=|:|\\in)|\([a-z0-9]{1,3}\)|[-•*]|\d\.)*$"
)
_PART_NAME = re.compile(r"\b(?:sub)?(?:problem|part|question|task)\b", re.IGNORECASE)
_AND = re.compile(r"\b(?:and|or)\b|,|;|\\quad", re.IGNORECASE)
_INFERENCE = re.compile(
    r"\b(?:so|then|thus|hence|therefore|which|gives?|but|wait|not|no|actually|means|because|since|instead|simplif\w+|equals?|"
    r"finally|now|check|verify|check\w*)\b|\\(?:implies|Rightarrow|to|approx)|=>|⇒|→|[.!?](?:\s|$)|[=+*/]",
    re.IGNORECASE,
)
_OPEN_ENDING = re.compile(
    r"(?:[-+*/=,(:;<\\{\[×]|\b(?:the|a|an|of|to|is|are|and|or|so|then|we|which|that|with|by|from|for|in|if|let|"
    r"because|since|than|into|equals|be|know|need|have|let's|this|i|it|he|she|they|when|wait|hmm|alternatively|similarly|now|next|also|but|first|however|since|note|recall|using|consider|where|as|at|on|can|will|should))$",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Statement:
    """Text of a response that holds its answer."""

    text: str
    form: Form
    """`marked`: an answer and nothing else; `stated`: it begins with the answer; `ending`: it ends with it."""
    earlier_boxes: tuple[str, ...] = ()
    """Contents of the boxes before the last one, nearest first: the answer may be spread over several."""
    before: str = ""
    """End of the text before a statement."""


def final_part(response: str) -> str:
    r"""Return what follows the last part of thinking, without special tokens; "" if the thinking is never closed.

    >>> final_part("<think>maybe 8</think>\nIt is 9."), final_part("<think>maybe 8")
    ('It is 9.', '')
    """
    parts = [part for part in find_parts(response) if part["kind"] in ("reasoning", "answer")]
    if parts:
        last = parts[-1]
        thinking = "" if last["kind"] == "answer" else response[last["start"] : last["end"]]
        turn = _ANSWER_TURN.search(thinking)  # of a thinking that is never closed
        response = response[last["start"] : last["end"]] if not thinking else thinking[turn.end() :] if turn else ""
    return _short_runs(_SPECIAL_TOKENS.sub(" ", response)).strip()


def _short_runs(text: str) -> str:
    """Return `text` without long runs of spaces, empty lines and signs, over which searches would take long."""
    return _RUNS.sub(r"\1\1\1\1", _LINES.sub("\n\n", _SPACES.sub(" ", text)))


def find_statement(part: str, marked_only: bool = False) -> Iterator[Statement]:
    r"""Yield the statements of an answer in the final part of a response, the one that counts first.

    A later one counts only if those before it hold no answer of the kind that the reference is.

    >>> [statement.text for statement in find_statement("So \\boxed{3}. The answer is 4.")]
    ['4.', '3']
    """
    window = part[-WINDOW_CHARS:]
    window = _without_next_turn(window)
    marks = sorted(_marks(window, marked_only), key=lambda mark: mark[0], reverse=True)
    is_cut_off = _stops_amid(without_chatter(window[-ENDING_CHARS:]))
    is_final = False
    concludes = not is_cut_off and _CONCLUSION.search(window[-_CONCLUSION_CHARS:]) is not None
    for start, statement in marks:
        if concludes and statement.form == "stated" and len(window) - start > _MAX_BEFORE_CONCLUSION:
            break  # what it concludes at its end counts
        if is_cut_off and statement.form == "stated" and len(window) - start > _MAX_AFTER_STATEMENT:
            continue  # it was on the way to its answer
        yield statement
        if statement.form == "marked":
            is_final = True
            break
    if is_final:
        return
    if len(part) > len(window):
        boxes = _boxes(part)
        tagged = _tagged(part)
        far = max([*boxes[-1:], *tagged[-1:]], default=None, key=lambda mark: mark[0])
        if far is not None:
            yield Statement(unwrap_box(far[2]), "marked", tuple(content for _, _, content in reversed(boxes[:-1])))
            return
    if not marked_only:
        ending = find_ending(window)
        if ending is not None:
            yield Statement(ending, "ending")


def find_ending(part: str) -> str | None:
    """Return the end of a response without chatter, which begins with a whole word; None if it stops amid a sentence.

    >>> find_ending("It is 5.\\n\\nLet me know if you need 3 more examples.")
    'It is 5.'
    >>> find_ending("3 + 4 =") is None
    True
    """
    ending = without_chatter(part[-2 * ENDING_CHARS :])
    if len(ending) > ENDING_CHARS:
        ending = ending[-ENDING_CHARS:]
        ending = (re.search(r"\s.*", ending, re.DOTALL) or [""])[0]  # part of a number is another number
    ending = ending.strip()
    return None if not ending or _stops_amid(ending) else ending


def without_chatter(text: str) -> str:
    """Return `text` without offers of help and the like behind its last statement.

    >>> without_chatter("She has 5. Is there anything else? I can do 20 more.")
    'She has 5.'
    """
    while True:
        stripped = text.rstrip()
        starts = [match.end() for match in _SENTENCE_END.finditer(stripped) if match.end() < len(stripped)]
        for start in starts[-_MAX_CHATTER:]:
            behind = stripped[start:]
            if _OFFER.match(behind) and "\\boxed" not in behind and not re.search(r"answer", behind, re.IGNORECASE):
                break
        else:
            start = starts[-1] if starts else 0
            if start == 0 or stripped[start:].lstrip().startswith("\\") or not _CHATTER.match(stripped[start:]):
                return stripped
        text = stripped[:start]


def last_sentences(text: str) -> list[str]:
    """Return the sentences and lines of `text`, the last one first."""
    return [sentence.strip() for sentence in reversed(_SENTENCE_END.split(text)) if sentence and sentence.strip()]


def _without_next_turn(text: str) -> str:
    """Return `text` up to where the model goes on with another question, if it has stated an answer before."""
    for match in _NEXT_TURN.finditer(text):
        before, after = text[: match.start()], text[match.end() :]
        goes_on = re.search(r"\d", before) and re.search(r"^\W*(?:answer|a|solution|assistant)\W*:", after, _ANY_LINE)
        if goes_on or next(iter(_marks(before, False)), None) is not None:
            return before
    return text


def _marks(text: str, marked_only: bool) -> Iterator[tuple[int, Statement]]:
    """Yield (position, statement) of every mark and statement, in any order."""
    boxes = _boxes(text)
    if boxes:
        yield _box_answer(text, boxes)
    for start, _, content in _tagged(text)[-1:]:
        yield start, Statement(unwrap_box(content), "marked")
    for match in _HASHES.finditer(text):
        line = text[match.end() :].partition("\n")[0].strip().rstrip("#").strip()
        is_last = not text[match.end() :].partition("\n")[2].strip() and not boxes
        if len(line) <= MAX_ANSWER_CHARS and (is_last or not re.search(r"[^\W\d_]{3,}", line)):
            inner = next(iter(_stated(line)), None)
            yield match.start(), Statement(line, "marked") if inner is None else inner[1]
    if not marked_only:
        yield from _stated(text)


def _stated(text: str) -> Iterator[tuple[int, Statement]]:
    for pattern in (_LABEL, _INLINE_LABEL, _SENTENCE, _LETTER_SENTENCE, _OTHER_LANGUAGES, _SHORT_LABEL):
        for match in list(pattern.finditer(text))[-_MAX_STATEMENTS:]:
            content = _content(text, match.end())
            if content and not _NO_CONTENT.match(content) and "\\boxed" not in content:
                remainder = text[match.end() :].strip()
                if pattern is _LABEL and len(remainder) > len(content) + _MAX_BEHIND_LABEL and len(content.split()) > 4:
                    continue  # the heading of a solution
                before = text[max(0, match.start() - ENDING_CHARS) : match.start()]
                yield match.start(), Statement(content, "stated", before=before)


def _content(text: str, start: int) -> str:
    """Return the sentence or displayed formula that begins at `start`."""
    statement = text[start : start + _MAX_STATEMENT]
    statement = statement[lead.end() :] if (lead := _LEAD_IN.match(statement)) else statement
    statement = statement.lstrip(" \t")
    display = re.match(r"\s*(?:\\\[(.*?)\\\]|\$\$(.*?)\$\$)", statement, re.DOTALL)
    if display:
        return (display[1] or display[2] or "").strip()
    if statement.startswith("\n"):
        return ""
    bullets = _BULLETS.match(statement)
    if bullets:
        return bullets.group().rstrip().rpartition("\n")[2].lstrip(" \t-*•").strip()  # of several answers the last
    end = _SENTENCE_END.search(statement)
    sentence = statement[: end.start()] if end else statement
    if end and re.fullmatch(r"\W*[A-Ja-j]\W*", sentence) and text[start + end.start() - 1 : start + end.start()] == ".":
        return statement.partition("\n")[0].strip()  # "B. 4 apples"
    return sentence.strip()


def _boxes(text: str) -> list[tuple[int, int, str]]:
    """Return (start, end, content) of the last complete boxes, in order."""
    boxes: list[tuple[int, int, str]] = []
    start = len(text)
    for _ in range(_MAX_BOXES):
        start = max(text.rfind("\\boxed", 0, start), text.rfind("\\fbox", 0, start))
        if start < 0:
            break
        brace = start + (len("\\boxed") if text.startswith("\\boxed", start) else len("\\fbox"))
        while text[brace : brace + 1] == " ":
            brace += 1
        content = braced(text, brace, MAX_ANSWER_CHARS) if text[brace : brace + 1] == "{" else _bare(text, brace)
        if content is not None and content.strip() and "\\boxed" not in content:
            end = brace + len(content) + (2 if text[brace : brace + 1] == "{" else 0)
            boxes.append((start, end, content.strip()))
        elif content is not None and "\\boxed" in content:
            continue  # a box in a box
    return boxes[::-1]


def _bare(text: str, start: int) -> str | None:
    r"""Return the number behind ``\boxed`` without a brace."""
    match = re.compile(r"-?\d+(?:\.\d+)?").match(text, start)
    return match.group() if match else None


def _tagged(text: str) -> list[tuple[int, int, str]]:
    end = len(text)
    lowered = text.lower() if "</ANSWER>" in text or "</Answer>" in text else text
    for _ in range(16):
        end = lowered.rfind("</answer>", 0, end)
        if end < 0:
            return []
        start = lowered.rfind("<answer>", max(0, end - MAX_ANSWER_CHARS - len("<answer>")), end)
        if start >= 0:
            content = text[start + len("<answer>") : end].strip()
            return [(start, end, content)] if content else []
    return []


def _box_answer(text: str, boxes: list[tuple[int, int, str]]) -> tuple[int, Statement]:
    """Return (position, statement) of the last box, or of the last boxes that are an answer together."""
    first = len(boxes) - 1
    while first > 0 and _is_joined(text[boxes[first - 1][1] : boxes[first][0]]):
        first -= 1
    contents = list(dict.fromkeys(content for _, _, content in boxes[first:]))
    earlier = tuple(content for _, _, content in reversed(boxes[:-1]))
    return boxes[-1][0], Statement(", ".join(contents), "marked", earlier)


def _is_joined(gap: str) -> bool:
    """Return whether what stands between two boxes joins them into one answer."""
    if len(gap) > 80 or _PART_NAME.search(gap):
        return False
    if _JOINING.match(gap):
        return _AND.search(gap) is not None or "\n" in gap or "\\\\" in gap
    return _AND.search(gap) is not None and not _INFERENCE.search(gap) and "\n\n" not in gap


def _stops_amid(ending: str) -> bool:
    """Return whether a response stops in the middle of a sentence or formula."""
    if re.search(r"(?:^|[\s*(])[A-J][\s*)]*$", ending) or re.fullmatch(r"\W*\w\W*", ending):
        return False  # an option, not an article
    if _OPEN_ENDING.search(ending.rstrip("*_ ")) and not re.search(r"\*\*[^*]+[^*:]\*\*$", ending):
        return True
    if ending.rfind("\\[") > ending.rfind("\\]") or ending.rfind("\\(") > ending.rfind("\\)"):
        return True
    last_line = ending.rpartition("\n")[2]
    if len(last_line) > _MIN_SENTENCE and re.search(r"[a-z]{2,}$", last_line) and "\\" not in last_line[-20:]:
        return len(last_line) > 4 * _MIN_SENTENCE
    return ending.rfind("\\boxed{") >= 0 and ending.count("{", ending.rfind("\\boxed{")) > ending.count(
        "}", ending.rfind("\\boxed{")
    )
