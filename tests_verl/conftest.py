"""verl's configuration, its trainers, and a dictionary in place of its queue."""

import os
import random
from pathlib import Path

import pytest
import torch
import transfer_queue
import verl.trainer
from hydra import compose, initialize_config_dir
from transfer_queue import KVBatchMeta
from transformers import LlamaConfig
from verl.trainer.ppo.v1 import get_trainer_cls
from verl.utils.tensordict_utils import list_of_dict_to_tensordict

from sgram.testbed import TestbedConfig, make_tokenizer
from tests_verl.rows import Rows

os.environ["SGRAM_QUIET_COMPILING"] = "1"
CONFIGURATION = Path(verl.trainer.__file__).parent / "config"


class Queue:
    """A dictionary with the functions of TransferQueue that a trainer calls. It keeps a row's tensors unpadded."""

    def __init__(self) -> None:
        self.rows: dict[str, dict] = {}

    def kv_batch_get(self, keys, partition_id, select_fields):
        """Return the fields of the rows, jagged; those that no row has are left out, as verl expects."""
        known = [field for field in select_fields if field in self.rows[keys[0]]]
        fields = list_of_dict_to_tensordict([{name: self.rows[key][name] for name in known} for key in keys])
        for name in known:
            if isinstance(self.rows[keys[0]][name], torch.Tensor):
                fields[name] = torch.nested.as_nested_tensor(
                    [self.rows[key][name] for key in keys], layout=torch.jagged
                )
        return fields

    def kv_batch_put(self, keys, partition_id, fields, tags=None):
        """Keep the fields of the rows."""
        for number, key in enumerate(keys):
            self.rows.setdefault(key, {}).update({name: rows[number].clone() for name, rows in fields.items()})
        return KVBatchMeta(partition_id=partition_id, keys=list(keys), tags=[{} for _ in keys])


@pytest.fixture
def queue(monkeypatch) -> Queue:
    """A queue in place of TransferQueue, which needs Ray's processes."""
    queue = Queue()
    for name in ("kv_batch_get", "kv_batch_put"):
        monkeypatch.setattr(transfer_queue, name, getattr(queue, name))
    return queue


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory) -> str:
    """A folder with the testbed's tokenizer and the configuration of a model; no weights."""
    folder = tmp_path_factory.mktemp("model")
    tokenizer = make_tokenizer(TestbedConfig())
    tokenizer.save_pretrained(folder)
    LlamaConfig(vocab_size=len(tokenizer), architectures=["LlamaForCausalLM"]).save_pretrained(folder)
    return str(folder)


@pytest.fixture(scope="session")
def configure(model_folder):
    """Function from overrides, as users type them, to verl's whole configuration."""

    def compose_overrides(*overrides: str):
        with initialize_config_dir(str(CONFIGURATION), version_base=None):
            return compose(
                "ppo_trainer",
                [f"actor_rollout_ref.model.path={model_folder}", "algorithm.adv_estimator=grpo", *overrides],
            )

    return compose_overrides


@pytest.fixture
def make_trainer(configure):
    """Function from overrides to a trainer, as verl's main program makes it, with its tokenizer."""

    def make(*overrides: str):
        config = configure(*overrides)
        trainer = get_trainer_cls(config.trainer.v1.trainer_mode)(config=config)
        trainer._init_tokenizer()
        return trainer

    return make


@pytest.fixture
def rows() -> Rows:
    """Prompts of different numbers of sessions; responses of 1 to 60 tokens."""
    return Rows.draw(random.Random(7), sessions_of_prompts=[8, 8, 4, 8, 6, 8, 5, 8], rows_of_session=1)
