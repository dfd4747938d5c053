"""`HICRATrainer`: HICRA on TRL's `GRPOTrainer`, by folding masks into `(B, T)` advantages.

The mask is computed from the sampled ids while rows are still in group order, and stays with its row through TRL's
shuffling, splitting and reuse. A method that needs the current policy's entropies acts inside TRL's own loss: TRL reads
the advantages after it has computed the entropies, from a copy of the inputs that belongs to this trainer. In the same
place the old log-probabilities are replaced where a sequence-level ratio would undo the mask (`sequence_ratio`).
"""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import torch
from trl.trainer.grpo_trainer import GRPOTrainer

from sgram.errors import SgramError
from sgram.files import excerpt
from sgram.grading.outcome import TaskOutcome
from sgram.lexicon import Lexicon, LexiconLike, SentenceScorer
from sgram.tagging.span_finder import SpanFinder
from sgram.tagging.tagger import PlanningTagger
from sgram.traces import Trace
from sgram.training.credit.advantages import longer_than_group_mean
from sgram.training.credit.method import CreditBatch
from sgram.training.credit.regularizers import anchored_loss, siren_entropy
from sgram.training.credit.shaping import shape_advantages, update_advantages
from sgram.training.trainer.checkpoints import STAGING, clear_staging, explain_disk_faults, publish_checkpoint
from sgram.training.trainer.checks import (
    FiniteGradientCheck,
    TrainerFeatures,
    check_combination,
    check_groups,
    check_loss,
    check_processing_class,
    check_reference,
    check_reference_name,
    resolve_config,
    resolve_lexicon,
)
from sgram.training.trainer.config import HICRAConfig
from sgram.training.trainer.length_blocks import ROWS_A_BLOCK, compute_by_length
from sgram.training.trainer.loss_reduction import LossReduction
from sgram.training.trainer.mask_share import MaskShareCheck
from sgram.training.trainer.placebo import Placebo, draw_placebo, read_placebo
from sgram.training.trainer.processes import check_same_settings, gather_list, gather_uneven, own_rows
from sgram.training.trainer.refresh_lexicon import refresh_lexicon
from sgram.training.trainer.rewards import check_rewards, find_error_kinds, find_outcomes, total_rewards
from sgram.training.trainer.rollouts import Rollouts, SampledBatch, make_traces, rollouts_path, write_rollouts
from sgram.training.trainer.sampler import sample_rows
from sgram.training.trainer.sequence_ratio import gspo_token_old_logps, takes_token_ratio
from sgram.training.trainer.siren import NucleusProbe, check_siren
from sgram.training.trainer.state import TrainerState
from sgram.training.trainer.step_metrics import (
    TokenClassSums,
    detail_shares,
    error_shares,
    gram_entropy,
    success_metrics,
)
from sgram.training.trainer.trl_contract import check_trl


class HICRATrainer(GRPOTrainer):
    """TRL's GRPO trainer with the credit method of `HICRAConfig.method`. Takes all arguments of `GRPOTrainer`.

    `lexicon` (a `Lexicon`, a path, a preset or a list of phrases) defines the planning tokens; `HICRAConfig.mask` says
    whether these are all of its grams, the planning sentences of a scorer, or the grams inside of these. Methods
    without a mask need no lexicon and use it for the log only. A placebo's share of tokens is matched on
    `placebo_responses` (token ids), by default on the responses that are sampled first. After the first five steps,
    `min_mask_share` is checked.

    Each step logs the planning share, entropies and advantages of planning and execution tokens, semantic entropy,
    pass@k and maj@k, and writes the sampled responses to ``<output_dir>/rollouts/``, which `sgram mine` reads.
    """

    _tag_names = ["trl", "grpo", "hicra"]  # noqa: RUF012  as TRL declares it
    _name = "HICRA"
    args: HICRAConfig
    model: Any
    num_generations: int
    max_completion_length: int
    _buffered_inputs: Any

    def __init__(
        self,
        model: Any,
        reward_funcs: Any = None,
        args: HICRAConfig | None = None,
        *positional: Any,
        lexicon: LexiconLike | None = None,
        placebo_responses: Sequence[Sequence[int]] | None = None,
        **named: Any,
    ) -> None:
        check_trl()
        args = resolve_config(args, model)
        self.method, self.method_settings = args.credit_method, args.method_settings
        check_processing_class(model, positional, named)
        check_reference_name(model, args.beta, named)
        self.lexicon = resolve_lexicon(lexicon, self.method)
        self.scorer = None if args.mask == "grams" else SentenceScorer.load(args.scorer)
        self.placebo: Placebo | None = None
        self._placebo_responses = placebo_responses
        reward_functions = reward_funcs if isinstance(reward_funcs, list | tuple | None) else [reward_funcs]
        super().__init__(
            model, [check_rewards(function) for function in reward_functions or []], args, *positional, **named
        )
        is_sharded = bool(self.is_fsdp_enabled or self.is_deepspeed_enabled)
        check_combination(args, self._features(is_sharded))
        check_same_settings(self.accelerator, self._shared_settings())
        if not is_sharded:
            check_reference(self._unwrapped_model(), self.ref_model)
        self._takes_token_ratio = takes_token_ratio(self.method, args.loss_type, args.importance_sampling_level)
        self.add_callback(FiniteGradientCheck(self.names_of_traces, self.accelerator))
        text_config = self._unwrapped_model().config.get_text_config()
        self._vocab_size: int | None = getattr(text_config, "vocab_size", None)
        self._set_lexicon(self.lexicon)
        self._mask_share = MaskShareCheck(self._describe_mask(), args.min_mask_share)
        if self.method.mask != "none":
            self.add_callback(self._mask_share)
        self.anchor: float | None = None
        self._nucleus_probe: NucleusProbe | None = None
        if self.method.penalty == "siren":
            check_siren(self._unwrapped_model(), is_sharded)
            self._nucleus_probe = NucleusProbe(self.method_settings.siren_top_p, self.temperature)
        self._class_sums = TokenClassSums()
        self._rollouts: Rollouts | None = None
        self._trace_ids: list[str] = []
        self._sampled: SampledBatch | None = None
        self._tool_masks: Sequence[Sequence[int]] | None = None
        self._update_inputs: dict[str, Any] | None = None
        self._is_staging = False
        self._train_sampler: Any = None
        if self.accelerator.is_main_process:
            clear_staging(self._output_directory)

    def _features(self, is_sharded: bool) -> TrainerFeatures:
        dataset: Any = self.train_dataset
        return TrainerFeatures(
            n_problems=len(dataset) if hasattr(dataset, "__len__") else None,
            has_lexicon=self.lexicon is not None,
            has_tools=bool(self.tools),
            is_sharded=is_sharded,
        )

    def _shared_settings(self) -> dict[str, object]:
        """Return what must be the same in all processes."""
        return {
            "method": self.method.name,
            "alpha": self.method_settings.alpha,
            "mask": self.args.mask,
            "lexicon": None if self.lexicon is None else self.lexicon.digest,
            "scorer": None if self.scorer is None else self.scorer.digest,
        }

    def _set_lexicon(self, lexicon: Lexicon | None) -> None:
        self.lexicon = lexicon
        self.tagger: PlanningTagger | None = None
        self.finder: SpanFinder | None = None
        if lexicon is not None:
            kind: Any = self.args.mask  # checked by the configuration
            self.tagger = PlanningTagger(
                lexicon, self._tokenizer, vocab_size=self._vocab_size, mask=kind, scorer=self.scorer or "sgram"
            )
            self.finder = SpanFinder(lexicon)  # semantic entropy is that of all grams, whatever the mask

    def _describe_mask(self) -> str:
        """Return method, mask and lexicon or scorer for messages."""
        name = "" if self.lexicon is None else self.lexicon.name
        by_scorer = "" if self.scorer is None else f"scorer {excerpt(self.scorer.name)}"
        sources = {"grams": f"lexicon {excerpt(name)}", "sentences": by_scorer}
        source = sources.get(self.args.mask, f"lexicon {excerpt(name)} and {by_scorer}")
        return f"method {self.method.name} with the mask {self.args.mask} ({source})"

    def _unwrapped_model(self) -> Any:
        return self.accelerator.unwrap_model(self.model)

    @property
    def _output_directory(self) -> str:
        return self.args.output_dir or ""

    # -- sampling ---------------------------------------------------------------------------------------

    def _get_train_sampler(self, dataset: Any = None) -> Any:
        # stored, so that `_apply_state` can bring the order of problems to the epoch of a checkpoint
        self._train_sampler = super()._get_train_sampler(dataset)
        return self._train_sampler

    def _generate_single_turn(
        self, prompt_ids: Any, images: Any, multimodal_fields: Any, num_generations: Any, *args: Any, **named: Any
    ) -> Any:
        if not self.args.drop_finished_rows:
            return super()._generate_single_turn(prompt_ids, images, multimodal_fields, num_generations, *args, **named)
        model = self.accelerator.unwrap_model(self.model_wrapped)
        was_training = model.training
        model.eval()
        try:
            rows = sample_rows(
                model,
                prompt_ids,
                max_new_tokens=self.max_completion_length,
                eos_ids=self.eos_token_ids,
                pad_id=self._tokenizer.pad_token_id,
                temperature=self.temperature,
                top_p=self.args.top_p,
                top_k=self.args.top_k,
            )
        finally:
            model.train(was_training)
        return rows, None

    def _generate(self, prompts: Any) -> Any:
        generated = super()._generate(prompts)
        self._tool_masks = generated[2]  # kept here, because TRL clears those of truncated rows in the batch
        return generated

    def _calculate_rewards(self, inputs: Any, prompts: Any, completions: Any, completion_ids_list: Any) -> Any:
        started = time.perf_counter()
        rewards = super()._calculate_rewards(inputs, prompts, completions, completion_ids_list)
        self._sampled = SampledBatch(
            inputs,
            prompts,
            completions,
            completion_ids_list,
            partial(self._tokenizer.decode, skip_special_tokens=True),
            rewards * self.reward_weights.to(rewards.device),
            find_outcomes(self.reward_funcs, len(prompts)),
            time.perf_counter() - started,
            self._tool_masks,
        )
        return rewards

    def _generate_and_score_completions(self, inputs: Any) -> Any:
        if self.model.training:
            self._refresh_lexicon_if_due()
        batch = super()._generate_and_score_completions(inputs)
        if not self.model.training:
            return batch
        sampled_batch = self._sampled
        if sampled_batch is None:
            raise SgramError("TRL has sampled responses without computing their rewards")
        check_groups(sampled_batch.prompts, self.accelerator.process_index, self.num_generations)
        self._change_batch(batch)
        mask = response_mask(batch)
        started = time.perf_counter()
        planning_mask, credit_mask = self._masks(batch["completion_ids"], mask)
        masking_seconds = time.perf_counter() - started
        n_rows = len(mask)
        rows = own_rows(self.accelerator, n_rows)
        if self.method.mask != "none":
            self._count_marked(credit_mask, mask)
        batch["planning_mask"] = planning_mask
        batch["credit_mask"] = credit_mask
        batch["row"] = torch.arange(n_rows, device=mask.device)
        lengths = self.accelerator.gather(mask.sum(1)).tolist()
        is_long = longer_than_group_mean(lengths, [index // self.num_generations for index in range(len(lengths))])
        batch["longer"] = torch.from_numpy(is_long[rows]).to(mask.device)
        rewards = total_rewards(sampled_batch.rewards)
        batch["reward"] = rewards[rows].to(mask.device)
        batch["group"] = torch.arange(rows.start, rows.stop, device=mask.device) // self.num_generations
        if self.method.at_rollout is not None or self.method.at_update is not None:
            batch["advantages"] = self._shape_advantages(batch, credit_mask, mask, rewards)
        if self._nucleus_probe is not None and self.anchor is None:
            self.anchor = self._measure_anchor(batch, self._nucleus_probe)
        self._rollouts = Rollouts(self._make_traces(sampled_batch, rows))
        self._trace_ids = [trace.id for trace in self._rollouts.traces]
        self._log_sampled(sampled_batch, self._rollouts, masking_seconds)
        return batch

    def _change_batch(self, batch: dict[str, Any]) -> None:
        """Change what TRL has made of the sampled responses, before their advantages are shaped; here nothing."""

    def _make_traces(self, sampled_batch: SampledBatch, rows: slice) -> list[Trace]:
        return make_traces(sampled_batch, self.state.global_step, rows, self.args.success_reward)

    def names_of_traces(self, rows: list[int] | None) -> list[str]:
        """Return the ids of the traces in `rows` of the current batch (None: all), and write the rollouts so far."""
        self._write_rollouts()
        if not self._trace_ids:  # the batch comes from a checkpoint
            return ["those written last"]
        return self._trace_ids if rows is None else [self._trace_ids[row] for row in rows]

    def _refresh_lexicon_if_due(self) -> None:
        step, interval = self.state.global_step, self.args.refresh_lexicon
        if interval and step and step % interval == 0 and self.lexicon is not None:
            self._set_lexicon(refresh_lexicon(self.lexicon, self.args, step, self.accelerator))

    def _masks(self, token_ids: torch.Tensor, mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the planning mask and the credit mask, both bool (B, T), inside the response `mask`."""
        planning_mask = torch.zeros_like(mask)
        if self.tagger is not None:
            gram_mask: Any = self.tagger(token_ids, mask)
            planning_mask = gram_mask & mask
        if not self.method.mask.startswith("placebo"):
            return planning_mask, planning_mask
        if self.placebo is None:
            self.placebo = self._draw_placebo(token_ids, mask)
        return planning_mask, self.placebo(token_ids, mask, planning_mask)

    def _count_marked(self, credit_mask: torch.Tensor, mask: torch.Tensor) -> None:
        """Count and log the tokens with credit, of all processes."""
        counts = self.accelerator.reduce(torch.stack([credit_mask.sum(), mask.sum()]), "sum")
        n_marked, n_tokens = (int(count) for count in counts.tolist())
        self._mask_share.add(n_marked, n_tokens, self.state.global_step)
        if n_tokens:
            self._metrics["train"]["credit/share"].append(n_marked / n_tokens)

    def _draw_placebo(self, token_ids: torch.Tensor, mask: torch.Tensor) -> Placebo:
        if self.tagger is None:
            raise SgramError(f"method {self.method.name} has no lexicon to match a placebo to")
        responses = self._placebo_responses
        if responses is None:
            local_responses = [row[row_mask].tolist() for row, row_mask in zip(token_ids, mask, strict=True)]
            responses = gather_list(self.accelerator, local_responses)
        draw = self.args.seed if self.args.placebo_draw is None else self.args.placebo_draw
        return draw_placebo(self.method.mask, self.tagger, responses, draw, self._tokenizer, self._vocab_size)

    def _shape_advantages(
        self, batch: Mapping[str, torch.Tensor], credit_mask: torch.Tensor, mask: torch.Tensor, rewards: torch.Tensor
    ) -> torch.Tensor:
        """Return the method's (B, T) advantages. Groups may span processes, so the rows of all processes are read.

        `rewards` are those of all processes. What the method does in the loss is done there.
        """
        n_rows, width = mask.shape
        advantages, columns = batch["advantages"], torch.stack((batch["completion_ids"], credit_mask, mask), -1)
        if self.accelerator.num_processes > 1:
            columns = self.accelerator.gather(self.accelerator.pad_across_processes(columns, dim=1))
            advantages = self.accelerator.gather(advantages)
        token_ids, credit_mask, mask = columns[..., 0], columns[..., 1].bool(), columns[..., 2].bool()
        groups = torch.arange(len(advantages), device=mask.device) // self.num_generations
        token_advantages = self._shape_rows(advantages, token_ids, mask, groups, credit_mask, rewards)
        own_advantages: torch.Tensor = token_advantages[own_rows(self.accelerator, n_rows), :width].contiguous()
        return own_advantages

    def _shape_rows(
        self,
        advantages: torch.Tensor,
        token_ids: torch.Tensor,
        mask: torch.Tensor,
        groups: torch.Tensor,
        credit_mask: torch.Tensor,
        rewards: torch.Tensor,
    ) -> torch.Tensor:
        """Return the method's (B, T) advantages of these rows, which are those of all processes."""
        shaped, metrics = shape_advantages(
            advantages,
            token_ids,
            mask,
            groups,
            credit_mask,
            self.method.sampled_part(),
            rewards=rewards,
            **asdict(self.method_settings),
        )
        for name in ("credit/changed", "credit/norm_ratio"):  # `_count_marked` logs the share
            if name in metrics and self.method.at_rollout is not None:
                self._metrics["train"][name].append(metrics[name])
        token_advantages: Any = shaped
        return torch.as_tensor(token_advantages)

    def _measure_anchor(self, batch: Mapping[str, torch.Tensor], probe: NucleusProbe) -> float:
        """Return the peak nucleus entropy of the current policy over all responses of this step (SIREN's anchor)."""
        ids = torch.cat((batch["prompt_ids"], batch["completion_ids"]), 1)
        attention_mask = torch.cat((batch["prompt_mask"], batch["completion_mask"]), 1)
        mask = response_mask(batch)
        with torch.no_grad(), probe.recording(self._unwrapped_model(), mask):
            super()._get_per_token_logps_and_entropies(
                self.model, ids, attention_mask, mask.shape[1], batch_size=self.args.per_device_train_batch_size
            )
        entropy = self._siren_entropy(probe, batch)
        return float(self.accelerator.gather(entropy.detach().reshape(1)).mean().item())

    def _siren_entropy(self, probe: NucleusProbe, batch: Mapping[str, Any]) -> torch.Tensor:
        """Return the peak nucleus entropy of the rows whose entropies `probe` has recorded."""
        return siren_entropy(probe.take(), response_mask(batch), self.method_settings.siren_peak_share)

    # -- loss -------------------------------------------------------------------------------------------

    def _get_per_token_logps_and_entropies(self, model: Any, *args: Any, **named: Any) -> Any:
        inputs = self._update_inputs
        if inputs is None or not named.get("compute_entropy"):
            return super()._get_per_token_logps_and_entropies(model, *args, **named)
        recording: AbstractContextManager[None] = nullcontext()
        if self._nucleus_probe is not None:
            recording = self._nucleus_probe.recording(self.accelerator.unwrap_model(model), response_mask(inputs))
        with recording:
            logps_and_entropies = self._compute_logps_and_entropies(model, *args, **named)
        logps, entropies = logps_and_entropies[:2]
        inputs["logps"], inputs["entropies"] = logps, entropies.detach()
        if self.method.at_update is not None:
            inputs["advantages"] = self._updated_advantages(inputs)
        if self._takes_token_ratio:  # TRL reads the old log-probabilities after this
            inputs["old_per_token_logps"] = gspo_token_old_logps(
                logps, inputs.get("old_per_token_logps"), response_mask(inputs)
            )
        return logps_and_entropies

    def _compute_logps_and_entropies(
        self, model: Any, input_ids: torch.Tensor, attention_mask: torch.Tensor, n_kept: int, *args: Any, **named: Any
    ) -> Any:
        """Return what TRL returns, without most of the padding if `trim_padding` is set and all rows are text."""
        compute = super()._get_per_token_logps_and_entropies
        further_inputs = [*args, *(named[name] for name in named.keys() - {"compute_entropy"})]
        is_text = all(value is None or value is False for value in further_inputs)
        if not (self.args.trim_padding and is_text) or self._nucleus_probe is not None:
            return compute(model, input_ids, attention_mask, n_kept, *args, **named)

        def compute_block(*block: Any) -> tuple[torch.Tensor, torch.Tensor]:
            logps, entropies, _ = compute(model, *block, compute_entropy=True)
            return logps, entropies

        logps, entropies = compute_by_length(compute_block, input_ids, attention_mask, n_kept, ROWS_A_BLOCK)
        return logps, entropies, None

    def _updated_advantages(self, inputs: Mapping[str, Any]) -> torch.Tensor:
        """Return the (B, T) advantages of a micro-batch by the part of the method that acts in the loss."""
        batch = self._update_batch(inputs, inputs["logps"].detach())
        advantages: torch.Tensor = update_advantages(self.method, batch, self.method_settings)
        return advantages

    def _update_batch(self, inputs: Mapping[str, Any], logps: torch.Tensor) -> CreditBatch:
        old_logps = inputs.get("old_per_token_logps")
        generator = torch.Generator().manual_seed((self.args.seed << 32) ^ self._step)
        return CreditBatch(
            advantages=inputs["advantages"],
            credit_mask=inputs["credit_mask"],
            response_mask=response_mask(inputs),
            groups=inputs["group"],
            token_ids=inputs["completion_ids"],
            rewards=inputs["reward"],
            entropies=inputs["entropies"],
            logps=logps,
            old_logps=logps.detach() if old_logps is None else old_logps,
            is_long=inputs["longer"],
            generator=generator,
            gather_entropies=self._gather_entropies if self.accelerator.num_processes > 1 else None,
        )

    def _gather_entropies(self, entropies: torch.Tensor) -> torch.Tensor:
        return gather_uneven(self.accelerator, entropies)

    def _compute_loss(self, model: Any, inputs: Any) -> Any:
        if "planning_mask" not in inputs:  # evaluation
            return super()._compute_loss(model, inputs)
        inputs = dict(inputs)  # a copy, because TRL uses its buffer again at the next iteration
        old_logps = inputs.get("old_per_token_logps")
        self._update_inputs = inputs
        if self._takes_token_ratio:
            self.importance_sampling_level = "token"
        try:
            loss = super()._compute_loss(model, inputs)
        finally:
            self._update_inputs = None
            self.importance_sampling_level = self.args.importance_sampling_level
        inputs["old_per_token_logps"] = old_logps
        loss = loss + self._penalty(inputs)
        mask = response_mask(inputs)
        self._fill_rollouts(inputs, mask)
        check_loss(
            loss,
            inputs,
            mask,
            self.accelerator,
            step=self.state.global_step + 1,
            output_dir=self._output_directory,
            trace_names=self.names_of_traces,
        )
        advantages = inputs["advantages"]
        advantages = advantages[:, None].expand(mask.shape) if advantages.dim() == 1 else advantages
        self._class_sums.add(inputs["planning_mask"], mask, inputs["entropies"], advantages, inputs["logps"].detach())
        return loss

    def _penalty(self, inputs: Mapping[str, Any]) -> torch.Tensor | float:
        """Return the scalar that the method adds to TRL's loss; TRL adds the uniform entropy bonus itself."""
        if self.method.penalty == "siren":
            return self._siren_penalty(inputs)
        if callable(self.method.penalty):
            reduce_terms = LossReduction(
                self.loss_type,
                self.current_gradient_accumulation_steps,
                self.max_completion_length,
                self.args.n_steps_per_generation,
                self.accelerator.num_processes,
            )
            return reduce_terms(self._penalty_terms(inputs), response_mask(inputs), inputs["num_items_in_batch"])
        return 0.0

    def _penalty_terms(self, inputs: Mapping[str, Any]) -> torch.Tensor:
        """Return the (B, T) terms that a method with a penalty of its own adds to the loss of a micro-batch."""
        penalty: Any = self.method.penalty
        terms: torch.Tensor = penalty(self._update_batch(inputs, inputs["logps"]), self.method_settings)
        return terms

    def _siren_penalty(self, inputs: Mapping[str, Any]) -> torch.Tensor:
        probe, anchor = self._nucleus_probe, self.anchor
        if probe is None or anchor is None:
            raise SgramError("SIREN's anchor is missing: no step has sampled responses to measure it on")
        entropy = self._siren_entropy(probe, inputs)
        if self.accelerator.num_processes > 1:  # the distance is that of all rows: gradients are averaged later
            constant_entropy = entropy.detach()
            entropy = entropy + (self.accelerator.reduce(constant_entropy, "mean") - constant_entropy)
        self._metrics["train"]["siren/entropy"].append(entropy.item())
        self._metrics["train"]["siren/anchor"].append(anchor)
        penalty = self.method_settings.siren_coef * anchored_loss(entropy, anchor)
        return penalty / self.current_gradient_accumulation_steps

    def _fill_rollouts(self, inputs: Mapping[str, Any], mask: torch.Tensor) -> None:
        if self._rollouts is None:
            return
        self._rollouts.fill(
            inputs["row"].tolist(),
            inputs["logps"].detach().float().cpu().numpy(),
            inputs["entropies"].float().cpu().numpy(),
            mask.cpu().numpy(),
        )
        if self._rollouts.is_complete:
            self._write_rollouts()

    def _write_rollouts(self) -> None:
        if self._rollouts is not None and self.args.save_rollouts:
            step = self._rollouts.traces[0].step
            accelerator = self.accelerator
            path = rollouts_path(
                self._output_directory, step or 0, accelerator.process_index, accelerator.num_processes
            )
            write_rollouts(path, self._rollouts)
        self._rollouts = None

    # -- log --------------------------------------------------------------------------------------------

    def _log_sampled(self, sampled_batch: SampledBatch, rollouts: Rollouts, masking_seconds: float) -> None:
        traces = rollouts.traces
        gram_counts: Counter[str] = Counter()
        if self.finder is not None:
            started = time.perf_counter()
            gram_counts.update(span.gram for trace in traces for span in self.finder(trace.text))
            masking_seconds += time.perf_counter() - started
        outcomes: Sequence[TaskOutcome | None] = sampled_batch.outcomes or [None] * len(traces)
        rows = gather_list(self.accelerator, [(trace.correct, trace.answer) for trace in traces])
        errors = gather_list(self.accelerator, [None if outcome is None else outcome.error for outcome in outcomes])
        details = gather_list(self.accelerator, [{} if outcome is None else outcome.details for outcome in outcomes])
        all_counts = gather_list(self.accelerator, [gram_counts])
        correct, answers = zip(*rows, strict=True)
        metrics = success_metrics(correct, answers, self.num_generations)
        shares = error_shares(correct, errors, find_error_kinds(self.reward_funcs))
        metrics |= {f"error/{kind}": share for kind, share in shares.items() if share is not None}
        metrics |= gram_entropy(sum(all_counts, Counter()))
        metrics |= {"time/masking": masking_seconds, "time/judging": sampled_batch.judging_seconds}
        metrics |= detail_shares(details)
        for name, number in metrics.items():
            self._metrics["train"][name].append(number)

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Log as TRL does, with the means over planning and execution tokens."""
        if self.model.training:
            means = self._class_sums.take(lambda sums: self.accelerator.reduce(sums, "sum"))
            for name, mean in means.items():
                self._metrics["train"][name].append(mean)
        super().log(logs, start_time)

    # -- checkpoints ------------------------------------------------------------------------------------

    def _get_output_dir(self, trial: Any = None) -> str:
        path: str = super()._get_output_dir(trial)
        return f"{path}/{STAGING}" if self._is_staging else path

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        directory = super()._get_output_dir(trial)
        with explain_disk_faults(directory):
            self._is_staging = True
            try:
                super()._save_checkpoint(model, trial)
                checkpoint = Path(self._get_output_dir(trial)) / f"checkpoint-{self.state.global_step}"
                self._checkpoint_state().save(checkpoint, self.accelerator.process_index)
                self._save_more(checkpoint)
            finally:
                self._is_staging = False
            self.accelerator.wait_for_everyone()
            if self.accelerator.is_main_process:
                publish_checkpoint(directory, self.args.save_total_limit)
            self.accelerator.wait_for_everyone()

    def _save_more(self, checkpoint: Path) -> None:
        """Write what else a checkpoint must hold into its folder before it is published; here nothing."""

    def _load_optimizer_and_scheduler(self, checkpoint: Any) -> None:
        super()._load_optimizer_and_scheduler(checkpoint)
        if checkpoint is not None:
            state = TrainerState.load(
                Path(checkpoint),
                self.accelerator.process_index,
                self.accelerator.device,
                method=self.method.name,
                lexicon_digest=None if self.lexicon is None else self.lexicon.digest,
                mask=self.args.mask,
                scorer_digest=None if self.scorer is None else self.scorer.digest,
                n_processes=self.accelerator.num_processes,
            )
            self._apply_state(state)

    def _checkpoint_state(self) -> TrainerState:
        """Return what a checkpoint must store beside TRL's files."""
        state = TrainerState(
            step=self._step,
            method=self.method.name,
            anchor=self.anchor,
            lexicon_digest=None if self.lexicon is None else self.lexicon.digest,
            is_refreshed=bool(self.args.refresh_lexicon),
            placebo=None if self.placebo is None else self.placebo.to_json(),
            mask=self.args.mask,
            scorer_digest=None if self.scorer is None else self.scorer.digest,
            n_marked=self._mask_share.n_marked,
            n_tokens=self._mask_share.n_tokens,
            lexicon=self.lexicon,
        )
        if self._n_used_micro_batches and self._buffered_inputs is not None:
            state.sampled_batches = list(self._buffered_inputs)
            # rollouts of a generation that the loss has not finished are not written yet
            state.traces = [] if self._rollouts is None else self._rollouts.traces
        return state

    @property
    def _n_used_micro_batches(self) -> int:
        """Micro-batches of the current generation that have been used."""
        return int(self._step % self.args.micro_batches_per_generation)

    def _apply_state(self, state: TrainerState) -> None:
        """Continue from what a checkpoint stored."""
        if state.is_refreshed:
            self._set_lexicon(state.lexicon)
        if state.placebo:
            self.placebo = read_placebo(state.placebo, self.tagger, self._tokenizer, self._vocab_size)
        self.anchor, self._step = state.anchor, state.step
        self._mask_share.n_marked, self._mask_share.n_tokens = state.n_marked, state.n_tokens
        if state.sampled_batches:
            self._buffered_inputs = state.sampled_batches
        if state.traces:
            used_batches = state.sampled_batches[: self._n_used_micro_batches]
            self._rollouts = Rollouts(state.traces, {row for batch in used_batches for row in batch["row"].tolist()})
        for _ in range(int(self.state.epoch or 0)):  # each epoch draws its order from one generator
            next(iter(self._train_sampler), None)


def response_mask(batch: Mapping[str, torch.Tensor]) -> torch.Tensor:
    """Return bool (B, T): the response tokens that the policy wrote, without padding and words of tools."""
    mask = batch["completion_mask"]
    return (mask if "tool_mask" not in batch else mask * batch["tool_mask"]).bool()
