"""Human annotation of grams: draw a blind sample, export it for annotators, import ratings, measure agreement.

- `sampling` draws occurrences of a lexicon's grams and random grams as controls; `items` are the result, and the items
  file that is the key to the blinding.
- `exchange` writes the sample for Label Studio, Prodigy, doccano or a spreadsheet, and reads the annotators' answers.
- `ratings` are the answers as a table (item, rater, label); `agreement` measures how well raters agree;
  `strategic_share` compares Strategic Grams with controls.
"""
