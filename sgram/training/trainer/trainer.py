"""HICRA on TRL's `GRPOTrainer`: masks become `(B, T)` advantages. Knows nothing about tasks or run directories.

The mask is made of the sampled ids while rows are still in group order, and travels with its row through TRL's
shuffling, splitting and reuse. What needs the current policy's entropies happens inside TRL's own loss: it reads the
advantages after it has computed them, from a copy of the inputs that is ours.
"""

import time
from collections import Counter
from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

import torch
from trl import GRPOTrainer

from sgram.lexicon import Lexicon
from sgram.tagging.span_finder import SpanFinder
from sgram.tagging.tagger import PlanningTagger
from sgram.training.credit.advantages import longer_than_mean
from sgram.training.credit.covariance import kl_cov_penalty
from sgram.training.credit.registry import RolloutBatch, UpdateBatch
from sgram.training.credit.regularizers import anchored_loss, siren_entropy
from sgram.training.trainer import checks as guards
from sgram.training.trainer import state
from sgram.training.trainer.checkpoints import STAGING, clear_staging, publish, told_when_the_disk_is_full
from sgram.training.trainer.config import HICRAConfig
from sgram.training.trainer.placebo import Placebo, draw_placebo
from sgram.training.trainer.refresh_lexicon import refreshed_lexicon
from sgram.training.trainer.rewards import verdicts_of, watched
from sgram.training.trainer.rollouts import Rollouts, as_traces, rollouts_path, write_rollouts
from sgram.training.trainer.sampler import sample_rows
from sgram.training.trainer.siren import NucleusProbe, check_siren
from sgram.training.trainer.step_metrics import ClassSums, error_shares, gram_entropy, success_metrics
from sgram.training.trainer.trl_contract import check_hooks


class HICRATrainer(GRPOTrainer):
    """TRL's trainer, with the credit of `HICRAConfig.method`. What `GRPOTrainer` takes, it takes.

    `lexicon` (a `Lexicon`, a file or a preset) says what planning is; methods without masks use it for the log only
    and need none. `placebo_responses` (token ids) are what a placebo's share is matched on, by default what is
    sampled first.
    Each step logs the planning share, entropies and advantages of planning and execution tokens, semantic entropy,
    pass@k and maj@k, and leaves what was sampled in ``<output_dir>/rollouts/``, which `sgram mine` reads.
    """

    _tag_names = ("trl", "grpo", "hicra")
    _name = "HICRA"

    def __init__(
        self,
        model: Any,
        reward_funcs: Any = None,
        args: HICRAConfig | None = None,
        *others: Any,
        lexicon: Lexicon | str | None = None,
        placebo_responses: Sequence[Sequence[int]] | None = None,
        **named: Any,
    ):
        check_hooks()
        args = guards.checked_config(args, model)
        self.method, self.method_settings = args.chosen, args.method_settings
        guards.check_processing_class(model, others, named)
        self.lexicon = guards.checked_lexicon(lexicon, self.method)
        self.placebo: Placebo | None = None
        self._placebo_responses = placebo_responses
        reward_funcs = reward_funcs if isinstance(reward_funcs, list | tuple | None) else [reward_funcs]
        super().__init__(model, [watched(each) for each in reward_funcs or []], args, *others, **named)
        guards.check_combination(self)
        self.add_callback(guards.FiniteGradients(self))
        vocabulary = getattr(self.accelerator.unwrap_model(self.model).config.get_text_config(), "vocab_size", None)
        self._vocab_size = vocabulary
        self._use(self.lexicon)
        self.anchor: float | None = None
        self._probe = None
        if self.method.penalty == "siren":
            check_siren(self.accelerator.unwrap_model(self.model), guards.is_sharded(self))
            self._probe = NucleusProbe(self.method_settings.siren_top_p, self.temperature)
        self._class_sums = ClassSums()
        self._rollouts: Rollouts | None = None
        self._names: list[str] = []
        self._sampled: dict[str, Any] = {}
        self._current: dict[str, Any] | None = None
        self._writing = False
        self._order: Any = None
        if self.accelerator.is_main_process:
            clear_staging(args.output_dir)

    def _use(self, lexicon: Lexicon | None) -> None:
        self.lexicon = lexicon
        self.tagger = None if lexicon is None else self._tagger(lexicon)
        self.finder = None if lexicon is None else SpanFinder(lexicon)

    def _tagger(self, lexicon: Lexicon) -> PlanningTagger:
        return PlanningTagger(lexicon, self._tokenizer, vocab_size=self._vocab_size)

    # What is sampled

    def _get_train_sampler(self, dataset=None):
        # kept, so that `state.load` can bring the order of problems to the epoch it goes on in
        self._order = super()._get_train_sampler(dataset)
        return self._order

    def _generate_single_turn(self, prompt_ids, images, multimodal_fields, num_generations, *more, **named):
        if not self.args.drop_finished_rows:
            return super()._generate_single_turn(prompt_ids, images, multimodal_fields, num_generations, *more, **named)
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

    def _calculate_rewards(self, inputs, prompts, completions, completion_ids_list):
        began = time.perf_counter()
        rewards = super()._calculate_rewards(inputs, prompts, completions, completion_ids_list)
        self._sampled = {
            "inputs": inputs,
            "prompts": prompts,
            "completions": completions,
            "ids": completion_ids_list,
            "rewards": rewards * self.reward_weights.to(rewards.device),
            "verdicts": verdicts_of(self.reward_funcs, len(prompts)),
            "judging": time.perf_counter() - began,
        }
        return rewards

    def _generate_and_score_completions(self, inputs):
        if self.model.training:
            self._before_sampling()
        output = super()._generate_and_score_completions(inputs)
        if not self.model.training:
            return output
        guards.check_groups(self._sampled["prompts"], self.accelerator.process_index, self.num_generations)
        mask = trained_on(output)
        began = time.perf_counter()
        planning, credit = self._masks(output["completion_ids"], mask)
        masking = time.perf_counter() - began
        n_rows = len(mask)
        output["planning_mask"] = planning
        output["credit_mask"] = credit
        output["row"] = torch.arange(n_rows, device=mask.device)
        lengths = self.accelerator.gather(mask.sum(1)).tolist()
        longer = longer_than_mean(lengths, [row // self.num_generations for row in range(len(lengths))])
        output["longer"] = torch.from_numpy(longer[self._own(n_rows)]).to(mask.device)
        if self.method.at_rollout is not None:
            output["advantages"] = self._shaped(output["advantages"], credit, mask)
        elif self.method.at_update is not None:
            output["advantages"] = output["advantages"][:, None].expand(mask.shape).contiguous()
        if self._probe is not None and self.anchor is None:
            self.anchor = self._measured_anchor(output)
        self._rollouts = Rollouts(self._traces(self._own(n_rows)))
        self._names = [trace.id for trace in self._rollouts.traces]
        self._log_sampled(masking)
        return output

    def _traces(self, own: slice):
        return as_traces(self._sampled, self.state.global_step, own, self.args.success_reward)

    def names_of(self, rows: list[int] | None) -> list[str]:
        """Ids of the traces in rows of the current batch, all of them for None; what is known is written first."""
        self._write_rollouts()
        if not self._names:  # taken up from a checkpoint
            return ["those written last"]
        return self._names if rows is None else [self._names[row] for row in rows]

    def _before_sampling(self) -> None:
        step, every = self.state.global_step, self.args.refresh_lexicon
        if every and step and step % every == 0 and self.lexicon is not None:
            self._use(refreshed_lexicon(self.lexicon, self.args, step, self.accelerator))

    def _own(self, n_rows: int) -> slice:
        """This process's rows of what was gathered from all."""
        first = self.accelerator.process_index * n_rows
        return slice(first, first + n_rows)

    def _masks(self, ids: torch.Tensor, mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """(planning tokens, tokens that get credit), both bool (B, T)."""
        nothing = torch.zeros_like(mask)
        planning = nothing if self.tagger is None else self.tagger(ids, mask) & mask
        if not self.method.mask.startswith("placebo"):
            return planning, planning
        if self.placebo is None:
            self.placebo = self._drawn_placebo(ids, mask)
        return planning, self.placebo(ids, mask, planning)

    def _drawn_placebo(self, ids: torch.Tensor, mask: torch.Tensor) -> Placebo:
        responses = self._placebo_responses
        if responses is None:
            own = [row[kept].tolist() for row, kept in zip(ids, mask, strict=True)]
            responses = guards.gathered(self.accelerator, own)
        draw = self.args.seed if self.args.placebo_draw is None else self.args.placebo_draw
        return draw_placebo(self.method.mask, self.tagger, responses, draw, self._tokenizer, self._vocab_size)

    def _shaped(self, advantages: torch.Tensor, credit: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """The method's (B, T) advantages; groups may span processes, so all of their rows are looked at."""
        n_rows, width = mask.shape
        if self.accelerator.num_processes > 1:
            both = self.accelerator.pad_across_processes(torch.stack((credit, mask), -1).byte(), dim=1)
            both = self.accelerator.gather(both).bool()
            advantages, credit, mask = self.accelerator.gather(advantages), both[..., 0], both[..., 1]
        groups = torch.arange(len(advantages), device=mask.device) // self.num_generations
        shaped = self.method.at_rollout(RolloutBatch(advantages, credit, mask, groups), self.method_settings)
        return shaped[self._own(n_rows), :width].contiguous() if len(shaped) > n_rows else shaped

    def _measured_anchor(self, output: dict[str, torch.Tensor]) -> float:
        """Peak nucleus entropy of the policy as it is, over everything sampled at this step (SIREN's anchor)."""
        ids = torch.cat((output["prompt_ids"], output["completion_ids"]), 1)
        attended = torch.cat((output["prompt_mask"], output["completion_mask"]), 1)
        mask = trained_on(output)
        with torch.no_grad(), self._probe.reading(self.accelerator.unwrap_model(self.model), mask):
            super()._get_per_token_logps_and_entropies(
                self.model, ids, attended, mask.shape[1], batch_size=self.args.per_device_train_batch_size
            )
        entropy = siren_entropy(self._probe.take(), mask, self.method_settings.siren_peak_share)
        return self.accelerator.gather(entropy.detach().reshape(1)).mean().item()

    # What is learned from it

    def _get_per_token_logps_and_entropies(self, model, *given, **named):
        current = self._current
        if current is None or not named.get("compute_entropy"):
            return super()._get_per_token_logps_and_entropies(model, *given, **named)
        probing = nullcontext()
        if self._probe is not None:
            probing = self._probe.reading(self.accelerator.unwrap_model(model), trained_on(current))
        with probing:
            found = super()._get_per_token_logps_and_entropies(model, *given, **named)
        logps, entropies = found[:2]
        current["logps"], current["entropies"] = logps, entropies.detach()
        if self.method.at_update is not None:
            current["advantages"] = self.method.at_update(self._update_batch(current), self.method_settings)
        return found

    def _update_batch(self, current: dict[str, Any]) -> UpdateBatch:
        logps = current["logps"].detach()
        old = current.get("old_per_token_logps")
        generator = torch.Generator().manual_seed((self.args.seed << 32) ^ self._step)
        return UpdateBatch(
            advantages=current["advantages"],
            planning=current["credit_mask"],
            mask=trained_on(current),
            entropies=current["entropies"],
            logps=logps,
            old_logps=logps if old is None else old,
            long=current["longer"],
            generator=generator,
            gather=self._gathered_values if self.accelerator.num_processes > 1 else None,
        )

    def _gathered_values(self, values: torch.Tensor) -> torch.Tensor:
        """Values of all processes, (n,), however many each has."""
        padded = self.accelerator.pad_across_processes(values.contiguous(), dim=0, pad_index=torch.nan)
        found = self.accelerator.gather(padded)
        return found[~found.isnan()]

    def _compute_loss(self, model, inputs):
        if "planning_mask" not in inputs:  # evaluation
            return super()._compute_loss(model, inputs)
        current = dict(inputs)  # the buffer is used again at the next iteration: it is never written to
        self._current = current
        try:
            loss = super()._compute_loss(model, current)
        finally:
            self._current = None
        loss = loss + self._penalty(current)
        mask = trained_on(current)
        self._fill_rollouts(current, mask)
        guards.check_loss(self, loss, current, mask)
        advantages = current["advantages"]
        advantages = advantages[:, None].expand(mask.shape) if advantages.dim() == 1 else advantages
        self._class_sums.add(
            current["planning_mask"], mask, current["entropies"], advantages, current["logps"].detach()
        )
        return loss

    def _penalty(self, current: dict[str, Any]) -> torch.Tensor | float:
        """What the method adds to TRL's loss, a scalar; TRL has the uniform entropy bonus itself."""
        accumulation = self.current_gradient_accumulation_steps
        if self.method.penalty == "siren":
            share = self.method_settings.siren_peak_share
            entropy = siren_entropy(self._probe.take(), trained_on(current), share)
            if self.accelerator.num_processes > 1:  # the distance is that of all rows: gradients are averaged later
                own = entropy.detach()
                entropy = entropy + (self.accelerator.reduce(own, "mean") - own)
            self._metrics["train"]["siren/entropy"].append(entropy.item())
            self._metrics["train"]["siren/anchor"].append(self.anchor)
            return self.method_settings.siren_coef * anchored_loss(entropy, self.anchor) / accumulation
        if self.method.penalty == "kl-cov":
            batch = self._update_batch(current)
            per_token = kl_cov_penalty(current["logps"], batch, self.method_settings)
            return guards.aggregated(self, per_token, batch.mask, current)
        return 0.0

    def _fill_rollouts(self, current: dict[str, Any], mask: torch.Tensor) -> None:
        if self._rollouts is None:
            return
        self._rollouts.fill(
            current["row"].tolist(),
            current["logps"].detach().float().cpu().numpy(),
            current["entropies"].float().cpu().numpy(),
            mask.cpu().numpy(),
        )
        if self._rollouts.complete:
            self._write_rollouts()

    def _write_rollouts(self) -> None:
        if self._rollouts is not None and self.args.save_rollouts:
            step = self._rollouts.traces[0].step
            accelerator = self.accelerator
            path = rollouts_path(self.args.output_dir, step, accelerator.process_index, accelerator.num_processes)
            write_rollouts(path, self._rollouts)
        self._rollouts = None

    # What is said of it

    def _log_sampled(self, masking: float) -> None:
        metrics = self._metrics["train"]
        traces = self._rollouts.traces
        verdicts = self._sampled["verdicts"]
        grams = Counter()
        if self.finder is not None:
            began = time.perf_counter()
            grams.update(span.gram for trace in traces for span in self.finder(trace.text))
            masking += time.perf_counter() - began
        own = [
            [(trace.correct, trace.answer) for trace in traces],
            [None if verdicts is None else verdict.error for verdict in verdicts or traces],
            [grams],
        ]
        rows, errors, counts = (guards.gathered(self.accelerator, each) for each in own)
        correct, answers = zip(*rows, strict=True)
        found = success_metrics(correct, answers, self.num_generations)
        found |= error_shares(correct, errors) | gram_entropy(sum(counts, Counter()))
        found |= {"time/masking": masking, "time/judging": self._sampled["judging"]}
        for name, value in found.items():
            metrics[name].append(value)

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """TRL's log, with the means over planning and execution tokens."""
        if self.model.training:
            for name, value in self._class_sums.take(lambda sums: self.accelerator.reduce(sums, "sum")).items():
                self._metrics["train"][name].append(value)
        super().log(logs, start_time)

    # What is kept of it

    def _get_output_dir(self, trial=None):
        path = super()._get_output_dir(trial)
        return f"{path}/{STAGING}" if self._writing else path

    def _save_checkpoint(self, model, trial):
        directory = super()._get_output_dir(trial)
        with told_when_the_disk_is_full(directory):
            self._writing = True
            try:
                super()._save_checkpoint(model, trial)
                state.save(self, self._get_output_dir(trial))
            finally:
                self._writing = False
            self.accelerator.wait_for_everyone()
            if self.accelerator.is_main_process:
                publish(directory, self.args.save_total_limit)
            self.accelerator.wait_for_everyone()

    def _load_optimizer_and_scheduler(self, checkpoint):
        super()._load_optimizer_and_scheduler(checkpoint)
        if checkpoint is not None:
            state.load(self, checkpoint)


def trained_on(batch: dict[str, torch.Tensor]) -> torch.Tensor:
    """Bool (B, T): the response tokens that the policy wrote, without padding and words of tools."""
    mask = batch["completion_mask"]
    return (mask if "tool_mask" not in batch else mask * batch["tool_mask"]).bool()
