# The public names, for type checkers; __init__.py loads them lazily.
from sgram.analysis import analyze as analyze
from sgram.diagnosis.diagnose import diagnose as diagnose
from sgram.errors import SgramError as SgramError
from sgram.grading.grader import Grade as Grade
from sgram.grading.grader import grade as grade
from sgram.grading.grader import grade_many as grade_many
from sgram.lexicon import Cluster as Cluster
from sgram.lexicon import Gram as Gram
from sgram.lexicon import Lexicon as Lexicon
from sgram.lexicon import SentenceScorer as SentenceScorer
from sgram.mining import MiningConfig as MiningConfig
from sgram.mining import mine as mine
from sgram.reports.notebooks.show import show as show
from sgram.tagging.sentence_finder import SentenceFinder as SentenceFinder
from sgram.tagging.span_finder import SpanFinder as SpanFinder
from sgram.tagging.spans import Span as Span
from sgram.tagging.spans import find_spans as find_spans
from sgram.tagging.tagger import PlanningTagger as PlanningTagger
from sgram.traces import Trace as Trace
from sgram.traces import as_traces as as_traces
from sgram.traces import read_traces as read_traces
from sgram.traces import write_traces as write_traces

__version__: str
