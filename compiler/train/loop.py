"""Training: step, measure, save, until the steps are done or the user says stop."""

from __future__ import annotations

import json
import math

import torch
from torch import Tensor, nn

from compiler.train import optimise
from compiler.train.batches import Batch, Dataset, Order
from compiler.train.corpus import Corpus
from compiler.train.evaluate import Measured, measure, on
from compiler.train.folder import MODEL, OPTIMISER, STATE, Folder
from compiler.train.interrupt import Stop
from compiler.train.log import Log
from compiler.train.model import Models
from compiler.train.progress import Progress
from compiler.train.recipe import Recipe
from compiler.train.shown import texts

_FLUSH = 10
"""Steps between two looks at the losses: each look waits for the device."""


class Loop:
    """One run under way: the models, the optimiser, and how far it is."""

    def __init__(
        self, recipe: Recipe, corpus: Corpus, models: Models, folder: Folder, device: torch.device, stop: Stop
    ) -> None:
        self.recipe, self.corpus, self.models, self.folder = recipe, corpus, models, folder
        self.device, self.stop = device, stop
        self.order = Order(corpus.train, recipe.batch.size, recipe.batch.bucket, recipe.seed)
        self.optimiser = optimise.adamw(models.learner, recipe.optimiser)
        self.done = 0
        self.saved = -1
        self.log = Log(folder)

    # -- saving and going on ------------------------------------------------------------------------------------------

    def restore(self) -> None:
        """Go on from the latest checkpoint, if there is one."""
        from safetensors.torch import load_file

        checkpoint = self.folder.checkpoint()
        if checkpoint:
            self.models.learner.load_state_dict(load_file(checkpoint / MODEL))
            optimise.restore(self.models.learner, self.optimiser, load_file(checkpoint / OPTIMISER))
            self.done = self.saved = json.loads((checkpoint / STATE).read_text(encoding="utf-8"))["step"]
        self.log = Log.resumed(self.folder, self.done)

    def save(self) -> None:
        self.log.flush()
        if self.saved != self.done:
            learner = self.models.learner
            tensors = {MODEL: learner.state_dict(), OPTIMISER: optimise.state(learner, self.optimiser)}
            self.folder.save(self.done, tensors, {"steps": self.recipe.steps})
            self.saved = self.done

    # -- training -----------------------------------------------------------------------------------------------------

    def train(self, progress: Progress) -> None:
        """Go through the steps that are left. Stops early when asked; saved either way."""
        if self.done and not self.log.measurement(self.done, "validation", False):
            self.pause(progress)
        counted = 0
        while self.done < self.recipe.steps and not self.stop():
            counted += self.step()
            if self.done % _FLUSH == 0:
                progress.step(self.done, self.log.flush(), counted)
                counted = 0
            self.pause(progress)
        self.save()

    def pause(self, progress: Progress) -> None:
        """Measure and save where the recipe says so."""
        if self.done % self.recipe.evaluation.every == 0 and self.done < self.recipe.steps:
            self.save()
            self.measure("validation", self.corpus.validation, progress, self.recipe.evaluation.examples)

    def step(self) -> int:
        """One step of training. Returns how many tokens counted in it."""
        recipe, learner = self.recipe, self.models.learner
        batch = self.order.batch(self.done)
        optimise.sow(recipe.seed, self.done)
        lr = optimise.rate(self.done, recipe.steps, recipe.optimiser.lr, recipe.schedule)
        for group in self.optimiser.param_groups:
            group["lr"] = lr
        learner.train()
        with optimise.autocast(recipe, self.device):
            loss = self.models.loss(on(self.device, batch), self.labels(batch))
        loss.backward()
        gradient = nn.utils.clip_grad_norm_(learner.parameters(), recipe.optimiser.clip or math.inf)
        self.optimiser.step()
        self.optimiser.zero_grad()
        self.done += 1
        self.log.step({"step": self.done, "rate": lr, "tokens": batch.counted}, loss.detach(), gradient)
        return batch.counted

    def labels(self, batch: Batch) -> Tensor | None:
        return None if batch.labels is None else torch.from_numpy(batch.labels).to(self.device)

    # -- measuring ----------------------------------------------------------------------------------------------------

    def measure(
        self, name: str, dataset: Dataset | None, progress: Progress, most: int | None = None
    ) -> Measured | None:
        """Measure on a dataset and log it, unless it is not there or the user stops meanwhile."""
        if dataset is None or self.stop():
            return None
        evaluation = self.recipe.evaluation
        self.models.answerer.eval()
        with optimise.autocast(self.recipe, self.device):
            found = measure(
                self.models.answer,
                self.corpus.task,
                dataset,
                evaluation.metric or "perplexity",
                size=self.recipe.batch.size,
                device=self.device,
                most=most,
                stop=self.stop,
            )
        if self.stop():
            return None
        facts = {"metric": found.metric, "value": found.value, "examples": found.examples}
        self.log.write({"step": self.done, "on": name, "whole": most is None, **facts})
        progress.measured(self.done, name, found, texts(self.corpus, dataset, found.shown[: evaluation.show]))
        return found
