"""HICRA on TRL: the same as GRPO where it must be, and by hand where it differs."""

import math

import pytest
import torch
from trl import GRPOConfig, GRPOTrainer

from sgram.errors import InputError, SgramError, UsageError
from sgram.lexicon import Lexicon
from sgram.tagging.spans import find_spans
from sgram.training import HICRATrainer
from sgram.training.credit.registry import METHODS
from tests.builders.tiny_policy import (
    PROMPTS,
    binary_reward,
    lexicon,
    losses,
    model,
    problems,
    responses,
    reward,
    same,
    scorer,
    sentences,
    tokenizer,
    trained,
    trainer,
    weights,
)

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")


def plain_grpo(directory, **settings) -> GRPOTrainer:
    """TRL's own trainer, with the settings of `trainer`."""
    ours = trainer(directory, method="grpo", **settings).args
    names = {name for name in GRPOConfig.__dataclass_fields__ if GRPOConfig.__dataclass_fields__[name].init}
    settings = {
        name: getattr(ours, name)
        for name in names
        if name
        in (
            "per_device_train_batch_size",
            "gradient_accumulation_steps",
            "num_generations",
            "max_completion_length",
            "learning_rate",
            "max_steps",
            "seed",
            "num_iterations",
            "steps_per_generation",
            "loss_type",
            "scale_rewards",
        )
    }
    args = GRPOConfig(
        str(directory),
        bf16=False,
        gradient_checkpointing=False,
        use_cpu=True,
        logging_steps=1,
        report_to="none",
        disable_tqdm=True,
        save_strategy="no",
        dataloader_pin_memory=False,
        **settings,
    )
    return GRPOTrainer(model(), reward, args, train_dataset=problems(), processing_class=tokenizer())


@pytest.mark.parametrize(
    ("method", "alpha", "settings"),
    [
        ("hicra", 0.0, {}),
        ("hicra", 0.0, {"num_iterations": 2, "max_steps": 4}),
        ("hicra-symmetric", 0.0, {"loss_type": "grpo", "scale_rewards": "none"}),
        ("grpo", 0.2, {"steps_per_generation": 4, "num_iterations": 2, "max_steps": 4}),
    ],
)
def test_without_amplification_every_step_is_that_of_grpo_to_the_bit(tmp_path, method, alpha, settings):
    ours = trainer(tmp_path / "ours", method=method, alpha=alpha, **settings)
    ours.train()
    theirs = plain_grpo(tmp_path / "theirs", **settings)
    theirs.train()
    assert losses(ours) == losses(theirs)
    assert any(abs(loss) > 1e-6 for loss, _ in losses(ours)) or any(norm > 1e-3 for _, norm in losses(ours))
    assert same(weights(ours), weights(theirs))


def test_amplification_changes_the_weights(tmp_path):
    plain, amplified = trained(tmp_path / "0", alpha=0.0), trained(tmp_path / "1", alpha=0.5)
    assert amplified.state.log_history[0]["planning/share"] > 0
    assert not same(weights(plain), weights(amplified))


def test_an_empty_mask_changes_nothing(tmp_path):
    absent = Lexicon.from_grams(["heteroscedastic quaternions"])
    plain, amplified = (
        trained(tmp_path / "0", method="grpo"),
        trained(tmp_path / "1", alpha=0.5, grams=absent, min_mask_share=0),
    )
    assert same(weights(plain), weights(amplified))


def test_equal_rewards_change_nothing(tmp_path):
    ours = trainer(tmp_path, alpha=0.5, rewards=lambda completions, **_: [1.0] * len(completions))
    before = weights(ours)
    ours.train()
    assert same(before, weights(ours))


class Witness(HICRATrainer):
    """Keeps what every micro-batch of the loss was given, with the gradient it left."""

    def __init__(self, *args, **named):
        super().__init__(*args, **named)
        self.seen = []

    def _compute_loss(self, model, inputs):
        batch = {name: value.clone() for name, value in inputs.items() if isinstance(value, torch.Tensor)}
        state = {name: value.detach().clone() for name, value in self.model.named_parameters()}
        loss = super()._compute_loss(model, inputs)
        for name, value in inputs.items():
            if isinstance(value, torch.Tensor):
                assert torch.equal(value, batch[name]), "the buffer is used again: it may not change"
        gradients = torch.autograd.grad(loss, list(self.model.parameters()), retain_graph=True)
        self.seen.append((batch, state, loss.item(), gradients))
        return loss


GRAMS = lexicon()


def oracle_mask(ids: list[int], mask: str = "grams") -> list[bool]:
    """Planning tokens by `find_spans` on the decoded text, projected by the length of what each prefix decodes to."""
    tokens = tokenizer()
    text = tokens.decode(ids)
    spans = find_spans(text, GRAMS, mask, scorer())
    marks, start = [], 0
    for count in range(1, len(ids) + 1):
        end = len(tokens.decode(ids[:count]))
        solid = [at for at in range(start, end) if not text[at].isspace()]
        marks.append(any(span.start <= at < span.end for span in spans for at in solid))
        start = end
    return marks


def responses_of(batch) -> list[tuple[str, list[int]]]:
    """(prompt, ids of the response) of each row."""
    rows = []
    for row in range(len(batch["completion_ids"])):
        prompt = batch["prompt_ids"][row][batch["prompt_mask"][row].bool()].tolist()
        ids = batch["completion_ids"][row][batch["completion_mask"][row].bool()].tolist()
        rows.append((tokenizer().decode(prompt, skip_special_tokens=True), ids))
    return rows


def by_hand(batch, state, advantages, normalizer):
    """DAPO's token-mean loss, from the logits of a plain forward pass."""
    policy = model()
    policy.load_state_dict(state, strict=False)
    ids = torch.cat((batch["prompt_ids"], batch["completion_ids"]), 1)
    attended = torch.cat((batch["prompt_mask"], batch["completion_mask"]), 1)
    width = batch["completion_ids"].shape[1]
    logits = policy(input_ids=ids, attention_mask=attended).logits[:, -width - 1 : -1]
    logps = logits.log_softmax(-1).gather(-1, batch["completion_ids"][..., None])[..., 0]
    old = batch.get("old_per_token_logps", logps.detach())
    ratio = (logps - old).exp()
    per_token = -torch.minimum(ratio * advantages, ratio.clamp(0.8, 1.2) * advantages)
    loss = (per_token * batch["completion_mask"]).sum() / normalizer
    return loss, torch.autograd.grad(loss, list(policy.parameters()))


@pytest.mark.parametrize(
    ("settings", "n_micro", "window"),
    [
        ({"per_device_train_batch_size": 8, "gradient_accumulation_steps": 1}, 1, 1),
        ({"per_device_train_batch_size": 4, "gradient_accumulation_steps": 4}, 4, 4),
        ({"gradient_accumulation_steps": 2, "num_iterations": 2}, 2, 2),
        ({"gradient_accumulation_steps": 2, "steps_per_generation": 4, "num_iterations": 2}, 4, 2),
    ],
    ids=["one batch", "accumulation 4", "two iterations", "two iterations of two updates"],
)
def test_gradients_are_those_of_a_loss_written_by_hand(tmp_path, settings, n_micro, window):
    # alpha .5: a planning token of a response with advantage A has A + .5 |A|. Rows are shuffled before the loss, so
    # everything is worked out again from what a row holds: its prompt's group, its text's reward, its text's mask.
    alpha, steps = 0.5, {1: 2, 4: 2, 2: 4}[window]
    base = trainer(tmp_path / "base", alpha=alpha, max_steps=steps, **settings)
    watching = Witness(
        model(), reward, base.args, train_dataset=problems(), processing_class=tokenizer(), lexicon=lexicon()
    )
    watching.train()
    n_iterations = settings.get("num_iterations", 1)
    first = watching.seen[:n_micro]  # the first iteration sees every row of the generation once
    groups = {}
    for batch, *_ in first:
        for prompt, ids in responses_of(batch):
            text = tokenizer().decode(ids, skip_special_tokens=True)
            groups.setdefault(prompt, []).append(reward([text])[0])
    assert all(len(group) == 4 for group in groups.values())
    n_tokens = sum(int(batch["completion_mask"].sum()) for batch, *_ in first)
    amplified = nonzero = 0
    for batch, state, loss, gradients in watching.seen[: n_micro * n_iterations]:
        width = batch["completion_ids"].shape[1]
        advantages = torch.zeros(len(batch["completion_ids"]), width)
        for row, (prompt, ids) in enumerate(responses_of(batch)):
            rewards = torch.tensor(groups[prompt])
            value = reward([tokenizer().decode(ids, skip_special_tokens=True)])[0]
            advantage = (value - rewards.mean()) / (rewards.std() + 1e-4)
            planning = torch.tensor(oracle_mask(ids))
            assert batch["planning_mask"][row, : len(ids)].tolist() == planning.tolist()
            advantages[row, : len(ids)] = torch.where(planning, advantage + alpha * advantage.abs(), advantage)
            amplified += int(planning.sum())
            nonzero += int(advantage.abs() > 1e-3)
        expected, expected_gradients = by_hand(batch, state, advantages, n_tokens * window / n_micro)
        assert loss == pytest.approx(expected.item(), rel=1e-5, abs=1e-6)
        for ours, theirs in zip(gradients, expected_gradients, strict=True):
            assert torch.allclose(ours, theirs, rtol=1e-4, atol=2e-6)
        assert max(gradient.abs().max() for gradient in expected_gradients) > 1e-4
    assert amplified > 0
    assert nonzero > 0


@pytest.mark.parametrize("method", sorted(METHODS))
def test_every_method_trains_and_logs_numbers(tmp_path, method):
    sampled = responses() if METHODS[method].mask.startswith("placebo") else None
    rewards = binary_reward if method in ("hicra-scale", "hicra-push", "execution-scale", "ktae") else reward
    ours = trainer(tmp_path, rewards=rewards, method=method, num_iterations=2, max_steps=2, placebo_responses=sampled)
    before = weights(ours)
    ours.train()
    assert not same(before, weights(ours))
    row = ours.state.log_history[0]
    for name in ("planning/share", "planning/entropy", "execution/entropy", "execution/advantage", "pass@1", "reward"):
        assert math.isfinite(row[name]), name
    assert 0 < row["planning/share"] < 1


@pytest.mark.parametrize("mask", ["sentences", "grams-in-sentences"])
@pytest.mark.parametrize("method", ["hicra", "placebo", "placebo-execution"])
def test_each_kind_of_mask_marks_what_it_says(tmp_path, mask, method):
    scorer().save(tmp_path / "scorer.json")
    settings = {"mask": mask, "scorer": tmp_path / "scorer.json", "min_mask_share": 0, "max_steps": 1}
    ours = trainer(tmp_path, placebo_responses=sentences(), method=method, **settings)
    watched = []
    original = ours._compute_loss
    ours._compute_loss = lambda model, inputs: watched.append(inputs) or original(model, inputs)
    ours.train()
    assert (ours.scorer, ours.tagger.mask) == (scorer(), mask)
    n_planning = n_credited = n_tokens = 0
    for inputs in watched:
        if method != "hicra":
            arguments = inputs["completion_ids"], inputs["completion_mask"].bool(), inputs["planning_mask"]
            assert torch.equal(inputs["credit_mask"], ours.placebo(*arguments))
        for row, (_, ids) in enumerate(responses_of(inputs)):
            planning, credit = (inputs[name][row, : len(ids)].tolist() for name in ("planning_mask", "credit_mask"))
            assert planning == oracle_mask(ids, mask)
            if method == "hicra":
                assert credit == planning
            n_planning, n_credited, n_tokens = n_planning + sum(planning), n_credited + sum(credit), n_tokens + len(ids)
    row = ours.state.log_history[0]
    assert 0 < n_planning < n_tokens
    assert row["planning/share"] == pytest.approx(n_planning / n_tokens)
    assert row["credit/share"] == pytest.approx(n_credited / n_tokens)
    assert row["semantic_entropy"] > 0  # that of all grams


def test_a_mask_without_a_marked_token_stops_the_run_and_a_small_one_warns(tmp_path):
    absent = Lexicon.from_grams(["heteroscedastic quaternions"])
    with pytest.raises(UsageError, match=r"method hicra with the mask grams \(lexicon custom\) marks none of the"):
        trainer(tmp_path / "0", grams=absent).train()
    trainer(tmp_path / "1", grams=absent, method="grpo").train()  # it uses no mask
    with pytest.warns(RuntimeWarning, match="less than 1 of them: training differs little from GRPO"):
        trainer(tmp_path / "2", min_mask_share=1.0).train()


def test_siren_pulls_towards_its_anchor(tmp_path):
    # one update on the policy as it was has distance 0 and the gradient of GRPO; from the second iteration on it is
    # another. The anchor is measured once
    plain = trained(tmp_path / "0", method="grpo", num_iterations=2, max_steps=2)
    anchored = trained(tmp_path / "1", method="siren", siren_coef=50.0, num_iterations=2, max_steps=2)
    rows = [row for row in anchored.state.log_history if "siren/anchor" in row]
    assert rows[0]["siren/entropy"] == pytest.approx(rows[0]["siren/anchor"], rel=1e-4)
    assert len({row["siren/anchor"] for row in rows}) == 1
    assert rows[1]["siren/entropy"] != pytest.approx(rows[1]["siren/anchor"], rel=1e-6)
    assert not same(weights(plain), weights(anchored))


def test_words_of_tools_get_no_credit(tmp_path):
    ids = tokenizer()(" wait let us try so 4")["input_ids"]
    first = tokenizer()(" wait")["input_ids"]
    policy_flags = [1] * len(first) + [0] * (len(ids) - len(first))  # the policy wrote "wait"; a tool the rest

    def rollouts(prompts, trainer):
        return {
            "prompt_ids": [tokenizer()(prompt)["input_ids"] for prompt in prompts],
            "completion_ids": [ids] * len(prompts),
            "logprobs": [[0.0] * len(ids)] * len(prompts),
            "env_mask": [policy_flags] * len(prompts),
        }

    ours = trainer(
        tmp_path,
        max_steps=1,
        grams=Lexicon.from_grams(["wait", "so"]),
        rollout_func=rollouts,
        rewards=lambda completions, **_: list(range(len(completions))),
    )
    watched = []
    original = ours._compute_loss
    ours._compute_loss = lambda model, inputs: watched.append(inputs["planning_mask"]) or original(model, inputs)
    ours.train()
    assert [row.tolist() for row in watched[0]] == [[bool(flag) for flag in policy_flags]] * len(watched[0])


def test_a_placebo_marks_as_much_as_it_was_matched_to(tmp_path):
    sampled = responses()
    for method in ("placebo", "placebo-execution"):
        ours = trainer(tmp_path / method, method=method, placebo_responses=sampled, max_steps=1)
        ours.train()
        source = ours.placebo.source
        assert source["share"] == pytest.approx(source["wanted"], rel=0.02)
        ids = torch.tensor([[token for row in sampled for token in row]])
        mask = torch.ones_like(ids, dtype=torch.bool)
        planning = ours.tagger(ids, mask)
        credit = ours.placebo(ids, mask, planning)
        assert credit.any()
        if method == "placebo-execution":
            assert not (credit & planning).any()


def test_rollouts_are_traces_that_say_what_the_policy_thought(tmp_path):
    from sgram.traces import read_traces

    trainer(tmp_path, max_steps=2).train()
    files = sorted((tmp_path / "rollouts").iterdir())
    assert [path.name for path in files] == ["step-000000.jsonl.gz", "step-000001.jsonl.gz"]
    traces = list(read_traces(files[:1]))
    assert len(traces) == 8
    assert len({trace.group for trace in traces}) == 2
    for trace in traces:
        assert trace.step == 0
        assert trace.prompt in PROMPTS
        assert tokenizer().decode(trace.token_ids, skip_special_tokens=True) == trace.text
        assert trace.reward == pytest.approx(reward([trace.text])[0])
        assert len(trace.entropies) == len(trace.logprobs) == len(trace.token_ids)
        assert all(logprob <= 0 for logprob in trace.logprobs)
        assert all(0 <= entropy <= math.log(640) + 1e-4 for entropy in trace.entropies)
    # log-probabilities are those of a plain forward pass
    policy, first = model(), traces[0]
    prompt = tokenizer()(first.prompt)["input_ids"]
    logits = policy(torch.tensor([prompt + list(first.token_ids)])).logits[0, len(prompt) - 1 : -1].log_softmax(-1)
    expected = logits.gather(-1, torch.tensor(first.token_ids)[:, None])[:, 0]
    assert torch.allclose(torch.tensor(first.logprobs), expected, atol=1e-4)


def test_lora_and_half_precision_train_too(tmp_path):
    from peft import LoraConfig

    adapted = trainer(
        tmp_path / "lora",
        peft_config=LoraConfig(r=2, target_modules="all-linear", task_type="CAUSAL_LM"),
        method="siren",
        max_steps=1,
    )
    adapted.train()
    assert math.isfinite(losses(adapted)[0][1])
    half = trainer(tmp_path / "bf16", policy=model().bfloat16(), bf16=True, max_steps=1)
    half.train()
    assert math.isfinite(losses(half)[0][1])


def test_a_loss_that_is_no_number_stops_before_the_update_and_names_the_traces(tmp_path):
    policy = model()
    ours = trainer(tmp_path, policy=policy)
    with torch.no_grad():
        policy.model.norm.weight.fill_(math.inf)
    before = weights(ours)
    original = ours._generate_single_turn
    ours._generate_single_turn = lambda prompt_ids, *args: ([[5, 6, 7]] * len(prompt_ids), None)
    with pytest.raises(SgramError, match=r"of step 1 is not finite; .*000000-0000\d"):
        ours.train()
    assert original is not None
    assert same(before, weights(ours))
    assert list((tmp_path / "rollouts").iterdir())


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_reward_that_is_no_number_is_refused_with_its_response(tmp_path, value):
    def broken(completions, **_):
        return [value if number == 2 else 1.0 for number in range(len(completions))]

    with pytest.raises(InputError, match=r"reward function broken returned .* for response 2 .*return None"):
        trainer(tmp_path, rewards=broken).train()


def test_a_missing_reward_counts_for_nothing(tmp_path):
    # rewards 1, 0, None, None in a group of four: mean .5; advantages (r - .5) / (.7071 + 1e-4), and 0 for the missing
    def some(completions, **_):
        return [[1.0, 0.0, None, None][number % 4] for number in range(len(completions))]

    ours = trainer(tmp_path, rewards=some, method="grpo", max_steps=1)
    watched = []
    original = ours._compute_loss
    ours._compute_loss = lambda model, inputs: watched.append(inputs) or original(model, inputs)
    ours.train()
    values = sorted(round(advantage, 3) for inputs in watched for advantage in inputs["advantages"].tolist())
    assert values == [-0.707, -0.707, 0.0, 0.0, 0.0, 0.0, 0.707, 0.707]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"method": "hcira"}, "did you mean hicra"),
        ({"grams": None}, "needs lexicon="),
        ({"alpha": -1.0}, "alpha"),
        ({"alpha": math.nan}, "alpha"),
        ({"num_generations": 1}, "num_generations must be >= 2"),
        ({"method": "kl-cov", "loss_type": "cispo"}, "kl-cov adds to per-token losses"),
        ({"refresh_lexicon": 2, "save_rollouts": False}, "save_rollouts=True"),
        ({"method_options": {"aplha": 1}}, "the options are alpha"),
        ({"mask": "words"}, r"mask must be grams, sentences or grams-in-sentences \(got 'words'\)"),
        ({"mask": "sentences", "scorer": "sgarm"}, "did you mean sgram"),
        ({"scorer": scorer()}, "save the scorer to a file and give its path"),
        ({"min_mask_share": 2.0}, "min_mask_share must be a finite number >= 0 and <= 1"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_a_sentence(tmp_path, settings, message):
    with pytest.raises(UsageError, match=message):
        trainer(tmp_path, **settings)


def test_a_configuration_of_trl_is_refused(tmp_path):
    with pytest.raises(UsageError, match=r"args must be a HICRAConfig \(got GRPOConfig\)"):
        HICRATrainer(
            model(),
            reward,
            GRPOConfig(str(tmp_path), bf16=False),
            train_dataset=problems(),
            processing_class=tokenizer(),
        )


def test_a_model_without_a_tokenizer_is_refused(tmp_path):
    from tests.builders.tiny_policy import config

    with pytest.raises(UsageError, match="pass processing_class="):
        HICRATrainer(model(), reward, config(tmp_path), train_dataset=problems(), lexicon=lexicon())
    model().save_pretrained(tmp_path / "bare")
    with pytest.raises(UsageError, match="cannot find a tokenizer for the model"):
        HICRATrainer(str(tmp_path / "bare"), reward, config(tmp_path), train_dataset=problems(), lexicon=lexicon())


def test_rows_out_of_their_groups_are_noticed(tmp_path):
    ours = trainer(tmp_path)
    original = ours._calculate_rewards

    def mixed(inputs, prompts, completions, ids):
        prompts[0], prompts[4] = prompts[4], prompts[0]
        return original(inputs, prompts, completions, ids)

    ours._calculate_rewards = mixed
    with pytest.raises(SgramError, match="in one group of 4, but have different prompts"):
        ours.train()


def test_a_gradient_that_is_no_number_stops_before_the_update_too(tmp_path):
    ours = trainer(tmp_path)
    before = weights(ours)
    original = ours._compute_loss
    # the loss is finite, its derivative is not: sqrt at 0
    ours._compute_loss = lambda model, inputs: original(model, inputs) + (0 * next(model.parameters()).sum()).sqrt()
    with pytest.raises(SgramError, match=r"the gradient of step 1 is not finite; .*000000-00000, 000000-00001"):
        ours.train()
    assert same(before, weights(ours))
