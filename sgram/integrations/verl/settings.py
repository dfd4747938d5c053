"""Settings of the verl adapter, read from verl's configuration, and the methods that verl can carry."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any

from sgram.errors import UsageError
from sgram.files import excerpt
from sgram.lexicon import Lexicon
from sgram.tagging.spans import MaskKind, check_mask_kind
from sgram.training.credit.array_backend import check_number
from sgram.training.credit.method import Method, MethodSettings
from sgram.training.credit.registry import find_method

SECTION = "algorithm.sgram"
"""Where the settings are in verl's configuration."""
KEYS = ("method", "alpha", "method_options", "lexicon", "mask", "scorer", "min_mask_share", "tokenizer")
"""Keys of the section; all but `tokenizer` have the meaning of `HICRAConfig`."""
VERL_SETTINGS: Mapping[str, str] = MappingProxyType(
    {
        "dr-grpo": "algorithm.norm_adv_by_std_in_grpo=False and loss_agg_mode=seq-mean-token-sum-norm of the actor",
        "clip-cov": "policy_loss.loss_mode=clip_cov of the actor",
        "kl-cov": "policy_loss.loss_mode=kl_cov of the actor",
        "entropy": "entropy_coeff of the actor",
    }
)
"""Method that verl has itself -> its settings there."""
SEQUENCE_LOSSES = ("geo_mean",)
"""Policy losses of verl that average the advantages of a response: one token's credit would go to all of them."""


@dataclass(frozen=True, slots=True)
class VerlSettings:
    """The section ``algorithm.sgram``, checked."""

    method: Method
    options: Mapping[str, float]
    """Fields of `MethodSettings` besides alpha."""
    alpha: float = 0.2
    lexicon: Lexicon | None = None
    mask: MaskKind = "grams"
    scorer: str = "sgram"
    min_mask_share: float = 0.01
    tokenizer: str | None = None
    """Folder or name of the tokenizer; None: that of the trainer."""

    @property
    def needs_entropies(self) -> bool:
        """Whether the method reads the entropies of the old policy."""
        return "entropies" in self.method.needs


def find_section(algorithm: Any) -> dict[str, Any] | None:
    """Return the section ``sgram`` of verl's ``algorithm`` configuration as a dict; None if there is none.

    >>> find_section({"adv_estimator": "grpo", "sgram": {"method": "hicra"}})
    {'method': 'hicra'}
    """
    section = None if algorithm is None else algorithm.get("sgram", None)
    if section is None:
        return None
    if not hasattr(section, "items"):
        raise UsageError(f"{SECTION} must be a mapping of settings (got {section!r:.80}): +{SECTION}.method=hicra")
    return {str(key): _plain(entry) for key, entry in section.items()}


def read_settings(section: Mapping[str, Any], algorithm: Any) -> VerlSettings:
    """Return the settings of a section of ``algorithm``, verl's configuration around it.

    Raise `UsageError` if a key is unknown, if a setting is invalid or contradicts verl's, or if verl cannot carry the
    method; `InputError` if the lexicon cannot be read.

    >>> settings = read_settings({"method": "hicra", "lexicon": ["wait", "let me"], "alpha": 0.5}, {})
    >>> settings.method.name, len(settings.lexicon.grams), settings.alpha
    ('hicra', 2, 0.5)
    """
    for key in section:
        if key not in KEYS:
            near = get_close_matches(key, KEYS, n=1)
            hint = f" (did you mean {near[0]}?)" if near else ""
            raise UsageError(f"unknown setting {SECTION}.{excerpt(key)}{hint}; the settings are {', '.join(KEYS)}")
    if section.get("method") is None:
        raise UsageError(f"{SECTION} has no method: add +{SECTION}.method=hicra, or the name of another credit method")
    method = find_method(section["method"])
    reason = refusal(method)
    if reason:
        raise UsageError(f"verl cannot carry method {method.name}: {reason}")
    _check_scale(method, algorithm)
    _check_bypass(method, algorithm)
    options = section.get("method_options") or {}
    if not isinstance(options, Mapping):
        raise UsageError(
            f"{SECTION}.method_options must be settings by name, +{SECTION}.method_options.ktae_weight=0.5"
        )
    if "alpha" in options:
        raise UsageError(f"alpha is a setting of its own: +{SECTION}.alpha={options['alpha']}")
    MethodSettings.from_mapping({**options, "alpha": section.get("alpha", 0.2)}, f"{SECTION}.method_options")
    mask: Any = section.get("mask", "grams")
    check_mask_kind(mask)
    return VerlSettings(
        method=replace(method, scale_rewards=None),  # checked above; verl computes the advantages
        options=options,
        alpha=section.get("alpha", 0.2),
        lexicon=_read_lexicon(section.get("lexicon"), method),
        mask=mask,
        scorer=section.get("scorer", "sgram"),
        min_mask_share=check_number(section.get("min_mask_share", 0.01), f"{SECTION}.min_mask_share", 0, 1),
        tokenizer=section.get("tokenizer"),
    )


def check_loss(settings: VerlSettings, config: Any) -> None:
    """Raise `UsageError` if the policy loss in verl's whole `config` would not see advantages that differ by token."""
    node = config
    for name in ("actor_rollout_ref", "actor", "policy_loss"):
        node = None if node is None else node.get(name, None)
    loss = None if node is None else node.get("loss_mode", None)
    acts = settings.method.at_rollout is not None or settings.method.at_update is not None
    if acts and loss in SEQUENCE_LOSSES:
        raise UsageError(
            f"actor_rollout_ref.actor.policy_loss.loss_mode={loss} averages the advantages of a response, so method "
            f"{settings.method.name} would act on no token in particular: use another loss, such as vanilla or gspo"
        )


def refusal(method: Method) -> str:
    """Return why verl cannot carry a method, with what to do instead; an empty string if it can.

    Methods that read the entropies of the current policy in `HICRATrainer` get those of the old policy in verl.

    >>> from sgram.training.credit.registry import find_method
    >>> refusal(find_method("hicra"))
    ''
    >>> print(refusal(find_method("clip-cov")))
    it reads log-probabilities in the loss, which is verl's; set policy_loss.loss_mode=clip_cov of the actor
    """
    instead = VERL_SETTINGS.get(method.name)
    advice = f"set {instead}" if instead else "use HICRATrainer, or another method"
    if method.loss is not None:
        return f"it prescribes the loss and the scale of rewards, which are verl's; {advice}"
    if method.penalty != "none":
        return f"it adds a term to the loss, which is verl's; {advice}"
    if {"logps", "old_logps"} & set(method.needs):
        return f"it reads log-probabilities in the loss, which is verl's; {advice}"
    if method.mask.startswith("placebo"):
        return (
            "a placebo is drawn from responses and has to be the same after a resume; draw a lexicon of random phrases "
            "before (sgram.evaluation.placebo_lexicons.draw_placebo_lexicon), and use method hicra with it"
        )
    return ""


def _plain(entry: Any) -> Any:
    """Return a value of a configuration with dicts and lists in place of OmegaConf's."""
    if hasattr(entry, "items"):
        return {str(key): _plain(inner) for key, inner in entry.items()}
    if isinstance(entry, Sequence) and not isinstance(entry, str):
        return [_plain(inner) for inner in entry]
    return entry


def _read_lexicon(lexicon: Any, method: Method) -> Lexicon | None:
    if lexicon is None:
        if method.mask != "none":
            raise UsageError(
                f"method {method.name} gives credit to planning tokens, so it needs a lexicon: "
                f"+{SECTION}.lexicon=lexicon.json (sgram mine TRACES -o lexicon.json), or a preset such as sgram"
            )
        return None
    if isinstance(lexicon, str):
        return Lexicon.load(lexicon)
    if isinstance(lexicon, list) and all(isinstance(phrase, str) for phrase in lexicon):
        return Lexicon.from_grams(lexicon)
    raise UsageError(f"{SECTION}.lexicon must be a path, a preset or a list of phrases (got {lexicon!r:.80})")


def _check_scale(method: Method, algorithm: Any) -> None:
    """Raise `UsageError` if the method prescribes another scale of advantages than verl's configuration."""
    if method.scale_rewards is None:
        return
    estimator = algorithm.get("adv_estimator", None)
    divides = bool(algorithm.get("norm_adv_by_std_in_grpo", True))
    if estimator != "grpo" or divides != (method.scale_rewards == "std"):
        scaled = "divided" if method.scale_rewards == "std" else "not divided"
        raise UsageError(
            f"method {method.name} prescribes advantages {scaled} by the group's standard deviation: set "
            "algorithm.adv_estimator=grpo and "
            f"algorithm.norm_adv_by_std_in_grpo={method.scale_rewards == 'std'} (got {estimator} and {divides})"
        )


def _check_bypass(method: Method, algorithm: Any) -> None:
    """Raise `UsageError` if the method reads entropies, and verl computes none."""
    correction = algorithm.get("rollout_correction", None)
    if "entropies" in method.needs and correction is not None and correction.get("bypass_mode", False):
        raise UsageError(
            f"method {method.name} reads the entropies of the old policy, which verl does not compute with "
            "algorithm.rollout_correction.bypass_mode=True: set it to False, or use another method"
        )
