"""Mining a lexicon from traces: count, choose candidates, score, embed, cluster, select."""

from sgram.mining.config import MiningConfig, Resources
from sgram.mining.miner import Miner, mine
from sgram.mining.score import Background, ContrastScorer, Scorer

__all__ = ["Background", "ContrastScorer", "Miner", "MiningConfig", "Resources", "Scorer", "mine"]
