from sgram.mining.config import MiningConfig as MiningConfig
from sgram.mining.config import Resources as Resources
from sgram.mining.miner import Miner as Miner
from sgram.mining.miner import mine as mine
from sgram.mining.score import Background as Background
from sgram.mining.score import ContrastScorer as ContrastScorer
from sgram.mining.score import Scorer as Scorer
