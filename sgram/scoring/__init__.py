"""Log-probabilities and entropies of traces under a local model.

- `log_probs`: score traces, in bounded memory however long they are.
- `scored_file`: score all traces of a reader into a file, in parts, so that an interrupted job can resume.
"""
