"""`torch.compile` of a reference model with gradients that are right on the CPU too."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn


def compile_model(model: nn.Module, **options) -> Callable:
    """`torch.compile(model, **options)`, after keeping Inductor's CPU scheduler from losing a dependency.

    Where torch 2.13 fuses CPU loops of different rank it computes their reads anew and, unless the node has
    artificial dependencies, without the renaming that orders a read after an in-place scatter-add. The
    gradient of a gather (zeros, then scatter-add) is then read while still zero, and everything below the
    last layer gets a wrong gradient without any error. Renaming again is harmless where it was not lost.
    """
    from torch._inductor.scheduler import SchedulerNode

    recompute = SchedulerNode.recompute_size_and_body
    if not hasattr(recompute, "keeps_renames"):

        def recompute_and_rename(self, *args, **kwargs) -> None:
            recompute(self, *args, **kwargs)
            self.set_read_writes(self.read_writes.rename(self.mutation_renames))

        recompute_and_rename.keeps_renames = True
        SchedulerNode.recompute_size_and_body = recompute_and_rename
    return torch.compile(model, **options)
