"""Log-probabilities and entropies of traces under a local model, and samples of models.

- `log_probs`: score traces, in bounded memory however long they are.
- `scored_file`: score all traces of a reader into a file, in parts, so that an interrupted job can resume.
- `sampling`: settings and prompts; `local_sampler`, `endpoint_sampler`: where responses come from.
- `sampled_file`: sample, grade and write responses, in parts.
"""
