"""Settings that a method prescribes are taken, and never replace what somebody gave."""

import copy
import pickle
from dataclasses import replace

import pytest
from transformers import HfArgumentParser
from trl import GRPOConfig

from sgram.errors import UsageError
from sgram.training import HICRAConfig
from tests.builders.tiny_policy import config, model, trained, trainer

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")


def prescribed(args):
    """The settings that a method may prescribe."""
    return args.loss_type, args.scale_rewards, args.entropy_coef


def test_what_is_not_given_is_the_methods_or_that_of_trl(tmp_path):
    plain = GRPOConfig(str(tmp_path), use_cpu=True, bf16=False)
    assert prescribed(config(tmp_path)) == prescribed(plain) == ("dapo", "group", 0.0)
    assert prescribed(config(tmp_path, method="dr-grpo")) == ("dr_grpo", "none", 0.0)
    assert prescribed(config(tmp_path, method="entropy")) == ("dapo", "group", 0.001)
    assert prescribed(config(tmp_path, method="entropy", entropy_bonus=0.02)) == ("dapo", "group", 0.02)
    assert prescribed(config(tmp_path, method="entropy", method_options='{"entropy_coef": 0.5}'))[2] == 0.5


@pytest.mark.parametrize(
    "given",
    [
        {"loss_type": "dr_grpo", "scale_rewards": "none"},
        {"scale_rewards": False},  # TRL's older notation of none
        {"loss_type": "dr_grpo"},
    ],
)
def test_what_is_given_and_prescribed_alike_is_taken(tmp_path, given):
    assert prescribed(config(tmp_path, method="dr-grpo", **given)) == ("dr_grpo", "none", 0.0)


def test_what_is_given_without_a_prescription_is_taken(tmp_path):
    given = {"loss_type": "cispo", "scale_rewards": "batch", "entropy_coef": 0.3}
    assert prescribed(config(tmp_path, **given)) == ("cispo", "batch", 0.3)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        # TRL's own default, given by name, is as explicit as any other value
        (
            {"method": "dr-grpo", "loss_type": "dapo"},
            "method dr-grpo prescribes loss_type='dr_grpo', but loss_type='dapo'",
        ),
        ({"method": "dr-grpo", "scale_rewards": True}, "scale_rewards='none', but scale_rewards='group' was given"),
        (
            {"method": "entropy", "entropy_coef": 0.01},
            "entropy_coef=0.001, but entropy_coef=0.01 was given: .*entropy_bonus",
        ),
        ({"method": "entropy", "entropy_coef": 0.0}, "but entropy_coef=0.0 was given"),
        ({"method_options": {"alpha": 0.5}}, "method_options sets alpha to 0.5, and alpha is 0.2: set alpha alone"),
        ({"method_options": {"epsilon_low": 0.1}}, "sets epsilon_low to 0.1, and epsilon is 0.2: set epsilon alone"),
    ],
)
def test_what_contradicts_the_method_is_refused_with_both_values(tmp_path, settings, message):
    with pytest.raises(UsageError, match=message):
        config(tmp_path, **settings)


def test_a_parser_of_flags_gives_what_is_on_the_command_line_alone(tmp_path):
    parser = HfArgumentParser(HICRAConfig)
    common = ["--output_dir", str(tmp_path), "--use_cpu", "--bf16", "False"]

    def parsed(*flags):
        return prescribed(parser.parse_args_into_dataclasses([*common, *flags])[0])

    assert parsed() == ("dapo", "group", 0.0)
    assert parsed("--method", "dr-grpo") == ("dr_grpo", "none", 0.0)
    assert parsed("--loss_type", "luspo", "--entropy_coef", "0.1") == ("luspo", "group", 0.1)
    with pytest.raises(UsageError, match="but loss_type='grpo' was given"):
        parsed("--method", "dr-grpo", "--loss_type", "grpo")


def test_a_configuration_is_copied_pickled_and_changed(tmp_path):
    args = config(tmp_path, method="dr-grpo")
    sizes = {"generation_batch_size": None}  # TRL derives one of two sizes and refuses both
    for again in (copy.deepcopy(args), pickle.loads(pickle.dumps(args)), replace(args, alpha=0.5, **sizes)):  # noqa: S301
        assert prescribed(again) == ("dr_grpo", "none", 0.0)
    with pytest.raises(UsageError, match="method dr-grpo prescribes loss_type='dr_grpo', but loss_type='dapo'"):
        replace(config(tmp_path), method="dr-grpo", **sizes)
    other = replace(config(tmp_path), method="dr-grpo", loss_type=None, scale_rewards=None, **sizes)
    assert prescribed(other) == ("dr_grpo", "none", 0.0)


def test_a_method_clips_where_the_loss_clips(tmp_path):
    # TRL takes epsilon for both sides where epsilon_high is not given
    assert config(tmp_path, epsilon=0.3).method_settings.epsilon_high == 0.3
    assert config(tmp_path, epsilon=0.3, epsilon_high=0.4).method_settings.epsilon_high == 0.4


def test_a_reference_that_is_not_the_policy_is_refused(tmp_path):
    with pytest.raises(UsageError, match="by the name of the model, and this model has none"):
        trainer(tmp_path, beta=0.1)
    policy = model()
    policy.save_pretrained(tmp_path / "start")
    policy = type(policy).from_pretrained(tmp_path / "start")
    ours = trained(tmp_path / "run", policy=policy, beta=0.1, max_steps=1)
    assert ours.state.log_history[0]["kl"] == pytest.approx(0, abs=1e-6)
    with pytest.raises(UsageError, match="/start has other weights than the model that is trained"):
        trainer(tmp_path / "again", policy=ours.model, beta=0.1)
