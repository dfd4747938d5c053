"""What the three roles are asked on the testbed, and the marker behind which the judge's score stands.

The warm-up and `sgram evolve` use the same prompts: a tiny policy knows no others.
"""

SCORE_MARKER = "Score"


def proposer_prompt(reference: str | None = None) -> str:
    """Return the prompt for a question; `reference` is a question to vary, or None.

    >>> proposer_prompt("How many pens?")
    'How many pens?\\nAsk another question.\\n'
    """
    return "Ask a question.\n" if reference is None else f"{reference.strip()}\nAsk another question.\n"


def solver_prompt(question: str) -> str:
    """Return the prompt for an answer: that of the testbed's problems.

    >>> solver_prompt("How many pens?")
    'How many pens?\\n'
    """
    return f"{question.strip()}\n"


def judge_question_prompt(question: str) -> str:
    """Return the prompt for a verdict on a question.

    >>> judge_question_prompt("How many pens?")
    'How many pens?\\nJudge the question.\\n'
    """
    return f"{question.strip()}\nJudge the question.\n"


def judge_answer_prompt(question: str, answer: str) -> str:
    """Return the prompt for a verdict on an answer.

    >>> judge_answer_prompt("How many pens?", "The answer is 26.")
    'How many pens?\\nThe answer is 26.\\nJudge the answer.\\n'
    """
    return f"{question.strip()}\n{answer.strip()}\nJudge the answer.\n"
