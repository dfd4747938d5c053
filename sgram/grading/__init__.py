"""Grading: whether the answer of a response is correct.

- `answers`: the answer that a response marks (``\\boxed{}``, ``<answer>``, ``####``), read off the text.
- `unmarked_answers`: the number that a response without such a mark ends on.
- `checking`: `AnswerChecker` compares answers with references; its verdicts are `TaskOutcome`.
- `equality`: comparison of two mathematical answers with math-verify; runs in worker processes only.
- `pool`, `worker`: worker processes with limits on time and memory.
- `outcome`: problems, outcomes of responses and grades of answers as types.
- `fill_correct`: fills `Trace.correct` from the reference answers.

Terms: an answer's verdict is an `AnswerGrade`, a response's a `TaskOutcome`. What went wrong in a wrong response is the
subject of `sgram.diagnosis`.
"""
