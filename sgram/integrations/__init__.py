"""Adapters that connect other libraries to sgram; each is a thin layer over the other rooms.

- `spacy_component`: grams of a lexicon or planning sentences as spans of a spaCy Doc, in a pipeline component named
  ``sgram``.
- `verl`: credit methods in verl's trainers, switched on by verl's configuration.
- `inspect`: planning and errors as scores of Inspect, in evaluations and in logs that exist.
- `trackers`: the numbers of an analysis in W&B, MLflow, TensorBoard or trackio.

Nothing in sgram imports this room. A missing library is a `MissingExtraError` that names the extra to install.
"""
