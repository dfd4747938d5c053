"""The verdict on a response: its statement, read as an answer of the kind that the reference is, and compared.

A reference is letters of options, a number, words, or a formula (lists and intervals among them); `read_references`
says which, and what cannot be compared. What a statement must be to count follows from this kind: where the reference
is a number, "She has 18 apples left." answers 18; where it is a letter, it answers nothing.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from sgram.files import excerpt
from sgram.grading.comparing import Comparison, Formulas, UnreadableError
from sgram.grading.final_statement import Statement, find_statement, last_sentences
from sgram.grading.letters import exact_letters, reference_letters, stated_letters
from sgram.grading.notation import plain
from sgram.grading.numbers import compound_quantities, parse_number, spoken_number
from sgram.grading.outcome import AnswerGrade, AnswerQuestion
from sgram.grading.sequences import parse_intervals, parse_sequence, right_side
from sgram.grading.texts import MAX_WORDS, is_words, n_words, normal_text, states
from sgram.grading.unmarked_answers import final_number_text, last_computed, number_texts, single_number

Kind = Literal["letters", "number", "words", "formula"]
_PLACEHOLDERS = frozenset(
    "|n/a|na|nan|none|null|nil|unknown|tbd|todo|?|-|...|varies|answers vary|answers will vary|answer varies|"
    "see solution|see image|see figure|see above|proof|no answer".split("|")
)
_NOT_TEXT = re.compile(
    r"!\[[^\]]*\]\(|<img\b|https?://|```|\b(?:def|class|import|return|SELECT)\b.*[(:]|^data:", re.DOTALL
)
_BROKEN = re.compile(r"\\frac\s*\{\s*\}|\\frac\s*\{[^{}]*\}\s*\{\s*\}|\\sqrt\s*\{\s*\}")
_LONG_WORD = re.compile(r"(?<![\\A-Za-z])[A-Za-z]{15,}")
_MATH = re.compile(r"\$\$(.+?)\$\$|\\\[(.+?)\\\]|\\\((.+?)\\\)|(?<!\\)\$([^$\n]+?)(?<!\\)\$", re.DOTALL)
_BOLD = re.compile(r"\*\*(.+?)\*\*")
_CLAUSE_END = re.compile(
    r",?\s+(?:because|since|as (?:the|it|we|this|they|required)|where|when|which|so that|so|for (?:all|any|each|every)|"
    r"with|if|i\.e\.|given)\b.*$|"
    r"\s+\((?!-?\d|\\|[a-zA-Z],).*$",
    re.DOTALL | re.IGNORECASE,
)
_COMPLEMENT = re.compile(
    r"\b(?:is|are|was|were|be|equals?|equal to|becomes|get|gives?|has|have|:)\s+"
    r"(?:also |then |exactly |precisely |just )*"
)
_HAS_VARIABLE = re.compile(r"(?<!=)\s[-+*/]\s*(?:\d*\.?\d+\s*)?\\?(?<![a-zA-Z])[a-zA-Z](?![a-zA-Z])[^=]*$")
_CLOCK = re.compile(r"\d{1,2}(?::\d\d)?\s*[ap]\.?\s?(?:m\b\.?)?\.*", re.IGNORECASE)
_MAX_WORDS_BEHIND = 4
"""Words of a statement that begins with its number, if it holds others."""
_DENIED_NUMBER = re.compile(
    r",?\s+(?:and\s+|but\s+)?(?:not|rather than|instead of)\s+-?\$?\d[\d,]*(?:\.\d+)?(?!\s*(?:but|%))"
    r"|(?<=\d)\s+(?:out\s+)?of\s+(?:the\s+)?\d[\d,]*(?:\.\d+)?"
)
_ALTERNATIVES = re.compile(r"(-?\$?\d[\d,./]*%?),?\s+or\s+(-?\$?\d[\d,./]*%?)")
_IS_YES_NO = {"yes", "no", "true", "false"}


@dataclass(frozen=True, slots=True)
class Reference:
    """A reference answer that can be compared."""

    kind: Kind
    text: str
    """In the notation of `plain`."""
    letters: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class _Reading:
    """A statement read as an answer."""

    correct: bool | None
    answer: str | None
    """In the notation of `plain`, or letters."""
    is_letters: bool = False
    why: str = ""


def read_references(reference: str, options: Mapping[str, str]) -> list[Reference] | str:
    r"""Return the reference, or the alternatives of a list in JSON; else why it cannot be compared.

    >>> read_references("The answer is 42", {})[0].text, read_references('["42"]', {})[0].text
    ('42', '42')
    >>> read_references("\\frac{}{2}", {})
    'a part of the formula is missing'
    """
    text = reference.strip()
    for loaded in _listed(text):
        return loaded
    return _read_reference(text, options)


def _listed(text: str) -> Iterator[list[Reference] | str]:
    """Yield the references of a list of strings in JSON or as Python writes it; nothing for anything else."""
    if not (text.startswith("[") and text.endswith("]") and re.match(r"\[\s*[\"']", text)):
        return
    try:
        items = json.loads(text)
    except ValueError:
        items = re.findall(r"'((?:[^'\\]|\\.)*)'", text)
        if not re.fullmatch(r"\[\s*'(?:[^'\\]|\\.)*'(?:\s*,\s*'(?:[^'\\]|\\.)*')*\s*,?\s*\]", text):
            return
        items = [item.replace("\\\\", "\\").replace("\\'", "'") for item in items]
    if isinstance(items, list) and items and all(isinstance(item, str) for item in items):
        read = [_read_reference(item, {}) for item in items]
        yield next((item for item in read if isinstance(item, str)), None) or [
            reference for item in read if not isinstance(item, str) for reference in item
        ]


def _read_reference(text: str, options: Mapping[str, str]) -> list[Reference] | str:
    if letters := reference_letters(text, options):
        return [Reference("letters", "".join(sorted(letters)), letters)]
    if _NOT_TEXT.search(text):
        return "it is code, a link or a picture"
    if re.search(r"\\f?boxed|####|</answer>|\banswer\b\s*(?:is|:|=)|答案", text, re.IGNORECASE):
        statement = next(iter(find_statement(text)), None)
        if statement is not None and statement.form != "ending" and statement.text != text:
            inner = statement.text
            if statement.form == "stated":
                inner = next(iter(_stated_texts(statement.text)), inner)
            return _read_reference(inner, options)
    content = plain(text)
    if content.casefold() in _PLACEHOLDERS or not re.search(r"\w|\\[a-zA-Z]", content):
        return "it holds no answer"
    if _CLOCK.fullmatch(content):
        return [Reference("words", content)]
    if parse_number(content) is not None:
        return [Reference("number", content)]
    if _BROKEN.search(content):
        return "a part of the formula is missing"
    number = single_number(text) if n_words(text) <= 2 * MAX_WORDS else None
    if number is not None and parse_sequence(content) is None:
        return [Reference("number", number)]
    if is_words(text):
        if n_words(text) > MAX_WORDS:
            return "it is prose"
        return [Reference("words", content)]
    if n_words(re.sub(r"\\[a-zA-Z]+", "", content)) > MAX_WORDS and not parse_sequence(content):
        return "it is prose"
    if _LONG_WORD.search(content):
        return "its words have lost their spaces"
    return [Reference("formula", content)]


def judge(question: AnswerQuestion | Mapping[str, Any], formulas: Formulas) -> AnswerGrade:
    """Return the grade of a response's final part by the reference. Raises what `formulas` raises."""
    options = question["options"]
    comparison = Comparison(formulas, question["prompt"], question["convert_units"])
    references = read_references(question["reference"], options)
    if isinstance(references, str):
        if normal_text(question["reference"]) and normal_text(question["reference"]) == normal_text(question["part"]):
            return _grade(True, normal_text(question["reference"]), "the response is the reference, word by word")
        return _grade(None, None, f"the reference cannot be compared: {references}")
    statements = list(find_statement(question["part"], question["marked_only"]))
    judges = [_Judge(reference, comparison, options) for reference in references]
    try:
        if len(judges) == 1:
            return judges[0].grade(statements)
        return _grade_by_list(references, judges, statements, comparison, options)
    except UnreadableError as error:
        return _grade(None, None, str(error))


def _grade_by_list(
    references: Sequence[Reference],
    judges: Sequence["_Judge"],
    statements: Sequence[Statement],
    comparison: Comparison,
    options: Mapping[str, str],
) -> AnswerGrade:
    """Return the grade by a list of answers, of which nobody says whether one is enough."""
    whole = Reference("formula", ", ".join(reference.text for reference in references))
    grade = _Judge(whole, comparison, options).grade(statements)
    if grade["correct"]:
        return grade
    grades = [judge.grade(statements) for judge in judges]
    if all(judge["correct"] for judge in grades):
        return grades[0]
    if any(judge["correct"] for judge in grades):
        return _grade(None, None, "the reference lists several answers and does not say whether one is enough")
    return next((judge for judge in grades if judge["answer"] is not None), grades[0])


@dataclass(frozen=True, slots=True)
class _Judge:
    """Judge by one reference."""

    reference: Reference
    comparison: Comparison
    options: Mapping[str, str]

    def grade(self, statements: Sequence[Statement]) -> AnswerGrade:
        """Return the grade by the first statement that holds an answer."""
        for statement in statements:
            reading = self._read(statement)
            if reading is not None:
                return self._grade_reading(reading)
        return _grade(False, None, "the response states no answer")

    def _grade_reading(self, reading: _Reading) -> AnswerGrade:
        reference, answer = self.reference, reading.answer
        if reading.correct is None:
            return _grade(None, None, reading.why)
        if reading.correct:
            canonical = reference.text if reference.kind == "letters" else self.canonical(reference.text)
            quoted = f"'{excerpt(answer or '', 60)}' equals the reference '{excerpt(reference.text, 60)}'"
            return _grade(True, canonical, quoted)
        if answer is None:
            return _grade(False, None, reading.why)
        quoted = f"'{excerpt(answer, 60)}' is not the reference '{excerpt(reference.text, 60)}'"
        if reading.is_letters or reference.kind == "letters":
            return _grade(False, answer if reading.is_letters else normal_text(answer) or answer, quoted)
        canonical = self.canonical(answer)
        if canonical == self.canonical(reference.text):
            canonical = f"not {canonical}"  # looks equal but does not match: y = 5 for x = 5
        equal_after = self.comparison.equal_after(reference.text, answer)
        why = quoted if equal_after is None else f"{quoted}; equal after {equal_after}"
        return _grade(False, canonical, why, equal_after)

    def canonical(self, answer: str) -> str:
        """Return one string for equal answers."""
        side = right_side(answer)[1]
        number = parse_number(side)
        if number is not None:
            try:
                return str(number.share) if number.base is None else f"{number.value}_{number.base}"
            except ValueError:  # thousands of digits, which Python does not write
                return normal_text(answer) or answer
        if is_words(answer) and parse_intervals(answer) is None:
            return normal_text(answer)
        sequence = parse_sequence(answer)
        if sequence is not None:
            items = [self.canonical(item) for item in sequence.items]
            if sequence.kind in ("set", "list"):
                return "{" + ", ".join(sorted(set(items))) + "}"
            return "(" + ", ".join(items) + ")"
        return self.comparison.formulas.canonical(answer)

    # -- readings -------------------------------------------------------------------------------------

    def _read(self, statement: Statement) -> _Reading | None:
        """Return a statement as an answer of the reference's kind; None if it holds none."""
        if self.reference.kind == "letters":
            return self._read_letters(statement)
        if self.options and (by_option := self._read_option(statement)) is not None:
            return by_option
        if self.reference.kind == "words":
            return self._read_words(statement)
        if statement.form == "marked":
            return self._read_marked(statement)
        if self.reference.kind == "number":
            return self._read_number(statement)
        return self._read_formula(statement)

    def _read_letters(self, statement: Statement) -> _Reading | None:
        text = statement.text
        letters: frozenset[str] = frozenset()
        if statement.form != "ending":
            letters = exact_letters(text, self.options) or exact_letters(_CLAUSE_END.sub("", text), self.options)
            letters = letters or stated_letters(text)
            if letters and self.options and statement.form == "marked" and not letters <= set(self.options):
                letters = frozenset()
            letters = letters or self._option_letters(text)
        else:
            for sentence in last_sentences(text)[:3]:
                letters = (
                    stated_letters(sentence) or exact_letters(sentence, self.options) or self._option_letters(sentence)
                )
                if letters:
                    break
        if letters:
            return _Reading(letters == self.reference.letters, "".join(sorted(letters)), True)
        if statement.form == "marked":
            return _Reading(False, plain(text) or None, why="the answer names no option")
        return None

    def _option_letters(self, text: str) -> frozenset[str]:
        """Return the letter of the one option whose text a statement is, or states."""
        if not self.options:
            return frozenset()
        content = plain(text)
        candidates = [content, right_side(content)[1], *(plain(inner) for inner in _stated_texts(text))]
        for candidate in dict.fromkeys(candidates):
            equal = [
                letter for letter, option in self.options.items() if option and self.comparison.equal(option, candidate)
            ]
            if len(equal) == 1:
                return frozenset(equal)
        stated = [
            letter for letter, option in self.options.items() if is_words(option) and states(text, normal_text(option))
        ]
        longest = max((len(self.options[letter]) for letter in stated), default=0)
        stated = [letter for letter in stated if len(self.options[letter]) == longest]
        return frozenset(stated) if len(stated) == 1 else frozenset()

    def _read_option(self, statement: Statement) -> _Reading | None:
        """Return an answer that is a letter, where the reference is the text of an option."""
        text = statement.text if statement.form != "ending" else next(iter(last_sentences(statement.text)), "")
        letters = exact_letters(text, self.options)
        if len(letters) != 1 or not letters <= set(self.options):
            return None
        option = self.options[next(iter(letters))]
        return _Reading(self.comparison.equal(self.reference.text, option), option)

    def _read_marked(self, statement: Statement) -> _Reading:
        answer = plain(statement.text)
        if self.reference.kind == "number" and parse_number(right_side(answer)[1]) is None:
            number = single_number(statement.text)
            if number is not None and parse_sequence(answer) is None:
                answer = number
            elif not answer or (is_words(answer) and not re.search(r"\d|\\", answer)):
                return _Reading(False, answer or None, why="the answer is empty")
        if not answer:
            return _Reading(False, None, why="the answer is empty")
        if n_words(answer) > MAX_WORDS and is_words(answer):
            return _Reading(False, None, why="the answer is prose without a result")
        if self.comparison.equal(self.reference.text, answer):
            return _Reading(True, answer)
        spread = self._spread_boxes(statement)
        return spread or _Reading(False, answer)

    def _spread_boxes(self, statement: Statement) -> _Reading | None:
        """Return the answer that the last boxes are, if the reference is a list of as many items and equals them."""
        sequence = parse_sequence(self.reference.text)
        n_items = len(sequence.items) if sequence is not None else 0
        boxes = list(dict.fromkeys([statement.text, *statement.earlier_boxes]))
        if sequence is None or sequence.kind == "matrix" or not 1 < n_items <= len(boxes):
            return None
        answer = ", ".join(plain(box) for box in reversed(boxes[:n_items]))
        return _Reading(True, answer) if self.comparison.equal(self.reference.text, answer) else None

    def _read_number(self, statement: Statement) -> _Reading | None:
        statement = replace(statement, text=_DENIED_NUMBER.sub("", statement.text))
        last = next(iter(last_sentences(statement.text)), "")
        if alternatives := _ALTERNATIVES.search(last if statement.form == "ending" else statement.text):
            numbers = [number_texts(side)[:1] for side in alternatives.groups()]
            if all(numbers) and not all(self.comparison.equal(self.reference.text, plain(side[0])) for side in numbers):
                return _Reading(False, plain(alternatives.group()))
        if statement.form == "stated":
            answers = [plain(text) for text in _stated_texts(statement.text)]
            for answer in answers:
                if parse_number(right_side(answer)[1]) is not None:
                    return _Reading(self.comparison.equal(self.reference.text, answer), answer)
            if quantities := compound_quantities(plain(statement.text)):
                return self._first_equal(quantities)
            number = _number_of(statement, self.comparison.prompt)
            if number is not None:
                return _Reading(self.comparison.equal(self.reference.text, plain(number)), plain(number))
            spoken = spoken_number(statement.text)
            if spoken is not None:
                return self._first_equal([spoken])
            formulas = [answer for answer in answers if re.search(r"\\(?:sqrt|frac|pi|infty|log|ln|e)|[\^=+]", answer)]
            return self._first_equal(formulas)
        if quantities := compound_quantities(plain(next(iter(last_sentences(statement.text)), ""))):
            return self._first_equal(quantities)
        number = final_number_text(statement.text)
        segments = _ending_formulas(statement.text)[:1]
        if number is not None and segments and _HAS_VARIABLE.search(segments[0]) and number in segments[0]:
            return self._first_equal([right_side(segments[0])[1]])
        if number is not None:
            answer = plain(number)
            if self.comparison.equal(self.reference.text, answer):
                return _Reading(True, answer)
            formulas = [text for text in _ending_formulas(statement.text)[:1] if _is_formula(text)]
            return self._first_equal(formulas) or _Reading(False, answer)
        spoken = spoken_number(next(iter(last_sentences(statement.text)), ""))
        formulas = [text for text in _ending_formulas(statement.text)[:1] if _is_formula(text)]
        return self._first_equal([spoken] if spoken else formulas)

    def _read_formula(self, statement: Statement) -> _Reading | None:
        if statement.form == "stated":
            answers = [plain(text) for text in _stated_texts(statement.text)]
            if not any(_is_formula(answer) or parse_number(answer) for answer in answers):
                return None
            return self._first_equal([answer for answer in answers if not is_words(answer) or _is_formula(answer)])
        return self._first_equal(_ending_formulas(statement.text)[:3])

    def _first_equal(self, answers: Sequence[str]) -> _Reading | None:
        """Return the first of several readings of a statement that is correct, else the first; None without one."""
        for answer in answers:
            if answer and self.comparison.equal(self.reference.text, answer):
                return _Reading(True, answer)
        return _Reading(False, answers[0]) if answers else None

    def _read_words(self, statement: Statement) -> _Reading | None:
        reference = normal_text(self.reference.text)
        if statement.form != "ending":
            texts = [statement.text] if statement.form == "marked" else _stated_texts(statement.text)
            answers = [normal_text(right_side(plain(text))[1]) for text in texts] + [
                normal_text(text) for text in texts
            ]
            if reference in answers or self.comparison.equal(self.reference.text, plain(statement.text)):
                return _Reading(True, plain(statement.text))
            if states(statement.text, reference):
                return _Reading(True, plain(statement.text))
            if statement.form == "marked" and n_words(statement.text) > MAX_WORDS:
                return _Reading(None, None, why="the answer is prose, and the reference a few words")
            answer = plain(texts[0]) if texts else plain(statement.text)
            return _Reading(False, answer) if answer else None
        sentences = last_sentences(statement.text)[:2]
        for sentence in sentences:
            if states(sentence, reference):
                return _Reading(True, plain(sentence))
            if reference in _IS_YES_NO and _IS_YES_NO & set(normal_text(sentence).split()):
                return _Reading(False, plain(sentence))
        if reference in _IS_YES_NO:
            first = normal_text(statement.text).split()[:1]
            return _Reading(first == [reference], first[0]) if first and first[0] in _IS_YES_NO else None
        last = sentences[0] if sentences else ""
        return (
            _Reading(False, plain(last))
            if last and n_words(last) <= MAX_WORDS
            else _Reading(False, None, why="its final statement does not hold the reference")
        )


def _stated_texts(statement: str) -> list[str]:
    """Return what a statement may mean by its answer, the nearest first.

    >>> _stated_texts("$x = 3$, because $y = 5$")[0]
    'x = 3'
    """
    statement = statement.strip().rstrip("!")
    clause = _CLAUSE_END.sub("", statement).strip()
    texts: list[str] = []
    segments = [next(filter(None, match.groups())) for match in _MATH.finditer(clause or statement)]
    outside = _MATH.sub(" ", clause)
    bold = _BOLD.findall(clause)
    if len(segments) == 1 and n_words(outside) <= 3:
        texts.append(segments[0])
    elif len(segments) > 1 and re.fullmatch(r"(?:[\s,;.*]|and|or)*", outside):
        texts.append(", ".join(segments))
    elif _MATH.match(clause.lstrip("* ")):
        texts.append(segments[0])
    texts += [bold[0]] if bold else []
    texts += [clause, statement]
    texts += segments[-1:]
    before_comma = re.split(r",\s+(?=[a-z])", clause, maxsplit=1)[0]
    texts.append(before_comma)
    texts += [piece for piece in _COMPLEMENT.split(clause)[-1:] if piece != clause]
    return [text.strip() for text in dict.fromkeys(texts) if text.strip()]


def _number_of(statement: Statement, prompt: str) -> str | None:
    """Return the number that a statement means by its answer; None if it has no number.

    The first of: what follows its last ``=``, what a short one begins with, its bold part, the number that was computed
    last before it, the one number that the problem does not give, what it begins with, the last one.
    """
    clause = _CLAUSE_END.sub("", statement.text)
    if "=" in clause and (right := number_texts(clause.rpartition("=")[2])):
        return right[0]
    numbers = number_texts(clause) or number_texts(statement.text)
    if not numbers:
        return None
    begins = re.match(r"(?:\W|\\text|about|approximately|[A-Za-z]\s*=)*\d", clause) is not None
    if (begins and n_words(clause) <= _MAX_WORDS_BEHIND) or len(set(numbers)) == 1:
        return numbers[0]
    bold = [number for part in _BOLD.findall(clause) for number in number_texts(part)]
    if len(set(bold)) == 1:
        return bold[0]
    if (computed := last_computed(statement.before, numbers)) is not None:
        return computed
    in_prompt = set(number_texts(prompt))
    new = [number for number in dict.fromkeys(numbers) if number not in in_prompt]
    return new[0] if len(new) == 1 and prompt else numbers[0 if begins else -1]


def _ending_formulas(ending: str) -> list[str]:
    """Return the formulas of the last statement that has one, the last first; else what its last verb says it is."""
    matches = list(_MATH.finditer(ending))
    if matches:
        segments = [next(filter(None, match.groups())) for match in matches]
        last_start = matches[-1].start()
        row = len(matches) - 1
        while row > 0 and re.fullmatch(r"(?:[\s,;]|and|or)*", ending[matches[row - 1].end() : matches[row].start()]):
            row -= 1
        joined = ", ".join(segments[row:])
        tail = ending[matches[-1].end() :]
        if n_words(tail) <= 3 * MAX_WORDS or last_start > len(ending) // 2:
            return [plain(text) for text in dict.fromkeys([joined, segments[-1]])]
    sentence = next(iter(last_sentences(ending)), "")
    sentence = _CLAUSE_END.sub("", sentence)
    bold = _BOLD.findall(sentence)
    pieces = [*bold[-1:], _COMPLEMENT.split(sentence)[-1], sentence]
    return [text for piece in pieces if (text := plain(piece)) and (_is_formula(text) or parse_intervals(text))]


def _is_formula(text: str) -> bool:
    """Return whether a text holds signs of mathematics, or is a name of up to two letters."""
    return (
        re.search(r"[\\=^_+*/<>\d{}\[\]|-]", text) is not None or re.fullmatch(r"\(?[A-Za-z]{1,2}\)?", text) is not None
    )


def _grade(correct: bool | None, answer: str | None, why: str, equal_after: str | None = None) -> AnswerGrade:
    return {"correct": correct, "answer": answer, "why": why, "equal_after": equal_after}
