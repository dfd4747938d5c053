"""The Hugging Face hub: addresses of repositories, cards, publishing, and why a request failed.

- `addresses`: ``hf://owner/name`` and the file that it stands for.
- `card`: the README.md of a repository, as Markdown with YAML front matter.
- `validation_figures`: what ``sgram validate --json`` measured, as rows of a card.
- `publishing`: files sent to a repository as one commit.
- `faults`: an error of the hub's client as a sentence with what to do next.
- `load_notes`: a note for each value that is loaded from the hub.

Files are downloaded by `sgram.urls`, as those behind any other URL.
"""
