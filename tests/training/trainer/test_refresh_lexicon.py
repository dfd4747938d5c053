"""A lexicon mined anew on the way, from the rollouts of earlier steps alone."""

import functools

import pytest

from sgram.errors import InputError, UsageError
from sgram.lexicon import Lexicon
from sgram.mining import MiningConfig, mine
from sgram.traces import Trace
from sgram.training.trainer.refresh_lexicon import read_recent_rollouts, refresh_lexicon
from sgram.training.trainer.rollouts import Rollouts, rollouts_path, write_rollouts
from tests.builders.tiny_policy import lexicon, trained

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")


class One:
    """An accelerator of one process."""

    num_processes, is_main_process = 1, True

    def wait_for_everyone(self):
        """There is nobody to wait for."""


class Settings:
    def __init__(self, directory, limit=2048):
        self.output_dir, self.recent_rollouts = str(directory), limit


def written(directory, step: int, texts, process=0, n_processes=1) -> None:
    traces = [
        Trace(id=f"{step}-{process}-{number}", group=f"{step}-p{number}", prompt=f"p{number}", text=text, step=step)
        for number, text in enumerate(texts)
    ]
    write_rollouts(rollouts_path(directory, step, process, n_processes), Rollouts(traces))


def test_the_last_rollouts_before_a_step_are_read_oldest_first(tmp_path):
    for step in (0, 9, 10, 11):
        written(tmp_path, step, [f"{step} a", f"{step} b"])
    assert [trace.text for trace in read_recent_rollouts(tmp_path, 11, 3)] == ["9 b", "10 a", "10 b"]
    assert [trace.text for trace in read_recent_rollouts(tmp_path, 10, 99)] == ["0 a", "0 b", "9 a", "9 b"]
    assert read_recent_rollouts(tmp_path, 0, 99) == []
    assert read_recent_rollouts(tmp_path / "absent", 5, 99) == []


def test_rollouts_of_all_processes_are_read(tmp_path):
    written(tmp_path, 3, ["a"], 0, 2)
    written(tmp_path, 3, ["b"], 1, 2)
    (tmp_path / "rollouts" / "step-notes.txt").write_text("no rollouts")
    assert [trace.text for trace in read_recent_rollouts(tmp_path, 4, 9)] == ["a", "b"]


SAID = "Wait, let us try another way. We add 3 and 4. So the answer is 7."
CHEAP = functools.partial(
    mine, config=MiningConfig(scorer="contrast", embedder="hash", min_df=2, min_problems=1, top=0.9)
)


def test_the_lexicon_is_what_mining_finds_in_them(tmp_path):
    texts = [SAID + f" We are done with {word}." for word in "one two three four five six".split()] + ["Seven."] * 6
    written(tmp_path, 0, texts)
    written(tmp_path, 1, ["later words that nobody may read yet"] * 12)
    lexicon_after = refresh_lexicon(lexicon(), Settings(tmp_path), 1, One(), CHEAP)
    assert lexicon_after.digest == CHEAP(read_recent_rollouts(tmp_path, 1, 2048)).digest != lexicon().digest
    grams = {gram.text for gram in lexicon_after.grams}
    assert "another way" in " | ".join(grams)
    assert not any("nobody" in gram for gram in grams)


@pytest.mark.parametrize("fault", [UsageError("too few traces"), InputError("nothing to read")])
def test_too_little_leaves_the_lexicon_with_a_warning(tmp_path, fault):
    def failing(traces):
        raise fault

    current = lexicon()
    with pytest.warns(RuntimeWarning, match=f"step 5: the lexicon is not refreshed: {fault}"):
        assert refresh_lexicon(current, Settings(tmp_path), 5, One(), failing) is current


def test_what_cannot_be_mined_leaves_the_lexicon(tmp_path):
    written(tmp_path, 0, ["7", "8"])
    current = lexicon()
    with pytest.warns(RuntimeWarning, match="step 5: the lexicon is not refreshed: "):
        assert refresh_lexicon(current, Settings(tmp_path), 5, One(), CHEAP) is current


def test_a_trainer_asks_for_it_every_so_many_steps(tmp_path, monkeypatch):
    calls = []

    def said(current, args, step, accelerator):
        calls.append((step, len(read_recent_rollouts(args.output_dir, step, args.recent_rollouts))))
        return Lexicon.from_grams([["wait", "so", "how"][len(calls) - 1]])

    monkeypatch.setattr("sgram.training.trainer.trainer.refresh_lexicon", said)
    ours = trained(tmp_path, max_steps=5, refresh_lexicon=2, recent_rollouts=20)
    assert calls == [(2, 16), (4, 20)]  # 8 rollouts a step
    assert [gram.text for gram in ours.lexicon.grams] == ["so"]
    assert ours.tagger.lexicon is ours.lexicon
