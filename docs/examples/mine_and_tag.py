"""Mine a lexicon and mark a text with it.

Run: `python docs/examples/mine_and_tag.py data/sample_traces.jsonl`
"""

import sys

from sgram import MiningConfig, SentenceScorer, find_spans, mine

lexicon = mine(sys.argv[1:], MiningConfig(min_df=4))
lexicon.save("lexicon.json")
print(f"{len(lexicon.grams)} grams in {len(lexicon.clusters)} clusters, digest {lexicon.digest[:12]}")

text = "Wait, let me double-check. There are 8 * 5 = 40 of them. So the answer is 40."
for span in find_spans(text, lexicon):
    print(f"{span.start:3} {span.end:3} {span.label:13} {text[span.start : span.end]}")

for sentence in SentenceScorer.load("sgram").score(text):
    print(f"{sentence.probability:.2f} {sentence.move or '-':13} {text[sentence.start : sentence.end]}")
