"""Multi-Agent Evolve (arXiv 2510.23595): one policy proposes questions, solves them and judges the answers.

`protocols` has the types that the other modules share, `roles` prompts and parsers, `pool` the questions and answers so
far, `judging` the judges, `rewards` the rewards of the three roles.
"""
