"""From a lexicon to spans of text and masks of token ids. Knows nothing about rewards or how grams were chosen."""
