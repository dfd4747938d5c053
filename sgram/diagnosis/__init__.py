"""Where and how a trace goes wrong: steps, equations, answers, kinds of errors. Knows nothing about HTML."""
