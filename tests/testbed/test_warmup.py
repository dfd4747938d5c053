"""The warm-up: reproducible bit by bit, learns from responses only, by a schedule of steps."""

import math
from dataclasses import replace

import pytest

from sgram.errors import SgramError, UsageError
from sgram.testbed import TestbedConfig, TwoStepConfig, WarmUpConfig, make_tokenizer, warm_up
from sgram.testbed import warmup as module
from sgram.testbed.problems import problems_in_split
from sgram.testbed.roles_config import RolesConfig

torch = pytest.importorskip("torch", reason="needs sgram[train]")
pytest.importorskip("transformers", reason="needs sgram[train]")

TINY = WarmUpConfig(steps=3, batch=4, layers=1, width=32)


def weights(config=TINY, testbed=TestbedConfig()):  # noqa: B008
    return warm_up(testbed, config).state_dict()


def are_equal(first, second):
    return all(torch.equal(first[name], second[name]) for name in first)


def test_the_same_settings_give_the_same_weights_bit_by_bit():
    before, threads = torch.random.get_rng_state(), torch.get_num_threads()
    first = weights()
    assert torch.equal(before, torch.random.get_rng_state())  # the global generator was not asked
    torch.set_num_threads(3 - min(threads, 2))
    try:
        torch.manual_seed(5)
        assert are_equal(first, weights())
        assert torch.get_num_threads() == 3 - min(threads, 2)
    finally:
        torch.set_num_threads(threads)
    assert not are_equal(first, weights(WarmUpConfig(steps=3, batch=4, layers=1, width=32, seed=1)))
    assert not are_equal(first, weights(testbed=TestbedConfig(seed=1)))


def test_it_runs_in_one_thread_and_gives_the_others_back():
    threads, thread_counts = torch.get_num_threads(), []
    torch.set_num_threads(2)
    try:
        warm_up(TestbedConfig(), TINY, on_step=lambda row: thread_counts.append(torch.get_num_threads()))
        assert thread_counts == [1, 1, 1]
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)


@pytest.mark.parametrize("change", [{"matrix_rate": 0.01}, {"other_rate": 1e-3}, {"batch": 5}, {"steps": 2}])
def test_every_setting_of_learning_changes_the_weights(change):
    assert not are_equal(
        weights(), weights(WarmUpConfig(**{"steps": 3, "batch": 4, "layers": 1, "width": 32, **change}))
    )


def test_it_learns_and_reports_each_step():
    rows = []
    config = WarmUpConfig(steps=30, batch=8, layers=1, width=32)
    model = warm_up(TestbedConfig(), config, on_step=rows.append)
    assert [row["step"] for row in rows] == list(range(30))
    assert rows[0]["steps"] == 30
    assert rows[0]["loss"] == pytest.approx(math.log(640), abs=0.1)  # every token as likely as any other
    assert sum(row["loss"] for row in rows[-5:]) / 5 < 5
    assert not model.training
    assert {weights.dtype for weights in model.parameters()} == {torch.float32}


def test_a_family_may_have_a_second_stage_at_a_rate_of_its_own():
    rows = []
    testbed = TwoStepConfig(sloppy_steps=2, sloppy_rate=0.5, warmup_batch=4)
    warm_up(testbed, TINY, on_step=rows.append)
    assert [(row["step"], row["steps"]) for row in rows] == [(step, 5) for step in range(5)]
    # three steps: 1, then down to .05 in 1.2 steps; two steps of half the rate: 1 - .95 * 0 and .05
    assert [row["rate"] for row in rows] == pytest.approx([1, 0.84166667, 0.05, 0.5, 0.025])
    one_stage = weights(testbed=TwoStepConfig(sloppy_steps=0, warmup_batch=4))
    assert are_equal(one_stage, weights(testbed=TwoStepConfig(sloppy_steps=0, warmup_batch=4, omits=0.1)))
    assert not are_equal(one_stage, weights(testbed=testbed))
    # the second stage has responses of its own, drawn from another generator
    assert not are_equal(weights(testbed=testbed), weights(testbed=replace(testbed, omits=0.0)))


def test_the_rate_is_constant_and_then_falls_by_steps():
    # 10 steps: the first six at full rate, then in four equal falls of .95 / 4 to .05
    scales = [module._rate_scale(step, 10) for step in range(10)]
    assert scales == pytest.approx([1, 1, 1, 1, 1, 1, 0.7625, 0.525, 0.2875, 0.05])
    assert module._rate_scale(0, 1) == pytest.approx(0.05)


def test_only_responses_are_learned():
    tokenizer = make_tokenizer(TestbedConfig())
    model = module.make_model(tokenizer, TINY)
    rows = [module.TokenRow([5, 6, 7, 8, 1], 2), module.TokenRow([9, 10, 11, 1], 3)]
    with torch.no_grad():
        # by hand, row by row without padding: the tokens 7, 8, 1 of the first and 1 of the second
        parts = []
        for ids, n_prompt, *_ in rows:
            logits = model(torch.tensor([ids])).logits[0].log_softmax(-1)
            parts += [-logits[position - 1, ids[position]].item() for position in range(n_prompt, len(ids))]
        assert len(parts) == 4
        assert module.response_loss(model, rows, 0).item() == pytest.approx(sum(parts) / 4, abs=1e-5)


def test_a_last_word_is_learned_by_its_shares():
    model = module.make_model(make_tokenizer(TestbedConfig()), TINY)
    rows = [module.TokenRow([5, 6, 7, 8, 1], 2, {20: 0.25, 30: 0.75}), module.TokenRow([9, 10, 11, 1], 3)]
    with torch.no_grad():
        # by hand: 7 and 1 of the first as they are, in place of 8 a quarter of 20 and three quarters of 30
        first = model(torch.tensor([rows[0].ids])).logits[0].log_softmax(-1)
        second = model(torch.tensor([rows[1].ids])).logits[0].log_softmax(-1)
        total = first[1, 7] + 0.25 * first[2, 20] + 0.75 * first[2, 30] + first[3, 1] + second[2, 1]
        assert module.response_loss(model, rows, 0).item() == pytest.approx(-total.item() / 4, abs=1e-5)


def test_a_word_that_decides_has_its_weight():
    model = module.make_model(make_tokenizer(TestbedConfig()), TINY)
    rows = [module.TokenRow([5, 6, 7, 8, 1], 2, None, {8: 3.0, 6: 9.0}), module.TokenRow([9, 10, 8, 1], 2)]
    with torch.no_grad():
        # by hand: 7, 8 with weight 3, and 1 of the first; the 6 is in its prompt; 8 and 1 of the second with weight 1
        first = model(torch.tensor([rows[0].ids])).logits[0].log_softmax(-1)
        second = model(torch.tensor([rows[1].ids])).logits[0].log_softmax(-1)
        total = first[1, 7] + 3 * first[2, 8] + first[3, 1] + second[1, 8] + second[2, 1]
        assert module.response_loss(model, rows, 0).item() == pytest.approx(-total.item() / 7, abs=1e-5)


def test_rows_that_go_through_the_model_in_groups_have_the_same_loss():
    model = module.make_model(make_tokenizer(TestbedConfig()), TINY)
    rows = [
        module.TokenRow([5, 6, 7, 8, 9, 10, 1], 2, {20: 0.25, 30: 0.75}, {9: 3.0}),
        module.TokenRow([9, 10, 8, 1], 2),
        module.TokenRow([9, 10, 11, 7, 1], 3, None, {7: 2.0}),
    ]
    with torch.no_grad():
        whole = module.response_loss(model, rows, 0).item()
        for rows_a_pass in (1, 2, 3):
            assert module.response_loss(model, rows, 0, rows_a_pass).item() == pytest.approx(whole, abs=1e-5)


def test_batches_of_the_testbed_of_roles_have_the_shares_of_scores():
    testbed = RolesConfig(quality=0.75)
    tokenizer = make_tokenizer(testbed)
    for stage, good in ((0, 1.0), (1, 0.75)):  # the first stage has right verdicts only
        rows = next(module.draw_batches(testbed, WarmUpConfig(batch=60), tokenizer, stage))
        verdicts = [row for row in rows if row.last_word is not None]
        assert verdicts
        for row in verdicts:
            assert row.ids[-2] in row.last_word
            assert tokenizer.decode(row.ids[-3]) == " Score"
            by_side = [0.0, 0.0]
            for token_id, share in row.last_word.items():
                by_side[int(tokenizer.decode(token_id)) >= 8] += share
            assert max(by_side) == pytest.approx(good)


def test_batches_hold_training_problems_and_end_with_the_end():
    tokenizer = make_tokenizer(TestbedConfig())
    train = {problem.prompt for problem in problems_in_split(TestbedConfig(), "train")}
    stream = module.draw_batches(TestbedConfig(), WarmUpConfig(batch=4), tokenizer)
    batches = [next(stream) for _ in range(40)]  # more than one pool
    for rows in batches:
        assert len(rows) == 4
        assert all(tokenizer.decode(ids[:n_prompt]) in train for ids, n_prompt, *_ in rows)
        assert all(ids[-1] == tokenizer.eos_token_id and ids.count(tokenizer.eos_token_id) == 1 for ids, *_ in rows)
    spread = [max(len(row.ids) for row in rows) - min(len(row.ids) for row in rows) for rows in batches]
    assert sorted(spread)[len(spread) // 2] <= 4  # rows of a batch are alike in length
    firsts = [len(rows[0].ids) for rows in batches]
    assert firsts[:32] != sorted(firsts[:32])  # but batches are not


def test_batches_of_the_hard_testbed_mix_the_methods():
    testbed = TwoStepConfig()
    stream = module.draw_batches(testbed, WarmUpConfig(batch=32), make_tokenizer(testbed))
    lengths = [[len(row.ids) for row in next(stream)] for _ in range(5)]
    # the longest responses multiply by 9, the shortest by 2 or 3: a batch of 32 has both
    assert all(max(batch) - min(batch) > 20 for batch in lengths)


def test_the_model_has_the_size_that_was_asked_for():
    model = module.make_model(make_tokenizer(TestbedConfig()), WarmUpConfig(layers=4))
    # 640 x 128 embeddings, 4 layers of 4 x 128 x 128 + 3 x 128 x 352 weights and 2 x 128 norms, 128 of the last norm
    assert (
        sum(weights.numel() for weights in model.parameters()) == 81_920 + 4 * (65_536 + 135_168 + 256) + 128 == 885_888
    )


def test_a_loss_that_is_not_finite_stops_the_warm_up(monkeypatch):
    monkeypatch.setattr(
        module,
        "response_loss",
        lambda model, rows, pad, rows_a_pass: sum(p.sum() for p in model.parameters()) * math.inf,
    )
    with pytest.raises(SgramError, match="the loss is not finite at step 0"):
        warm_up(TestbedConfig(), TINY)


@pytest.mark.parametrize(
    ("field", "setting", "message"),
    [
        ("steps", 0, "steps must be a whole number from 1"),
        ("width", 40, "must be a multiple of 32"),
        ("batch", 2.0, "batch must be a whole"),
        ("other_rate", 1.5, "between 0 and 1"),
        ("matrix_rate", float("nan"), "between 0 and 1"),
    ],
)
def test_settings_out_of_range_are_refused(field, setting, message):
    with pytest.raises(UsageError, match=message):
        WarmUpConfig(**{field: setting})
