"""Attentional pooling of gene embeddings: one vector for the wildtype, one per genotype."""

from __future__ import annotations

from flax import linen as nn
from jax import Array

from gi_jax.nn.mlp import ACTIVATIONS, DropoutKeys, LinearParameters, drop_rows
from gi_jax.ops.changed_rows import SharedDeletions
from gi_jax.ops.node_states import NodeStates
from gi_jax.ops.pooling import Pooled, pool


class AttentionalPooling(nn.Module):
    """`z = sum_i softmax_i(gate(x_i)) transform(x_i)` over the kept genes (Li et al. 2016, global attention).

    gate: Linear(H, H // 2), activation, dropout, Linear(., 1); transform: Linear(H, H), activation,
    dropout. Both are functions of single rows, so rows that all genotypes share are computed once.
    """

    channels: int
    activation: str
    dropout: float
    last_layer: str = "kaiming"  # initial values of the gate's

    @nn.compact
    def __call__(
        self,
        states: NodeStates,
        genes: Array,
        keep: Array,
        train: bool,
        shared: SharedDeletions | None = None,
    ) -> Pooled:
        """Args: genes `[B, S]`, N for padding; keep `[N, 1 + B]`, 1 for a kept gene."""
        h = self.channels
        keys = DropoutKeys(self, self.dropout, train)
        act = ACTIVATIONS[self.activation]
        hidden = LinearParameters(h, h // 2, name="gate_0")()
        score = LinearParameters(h // 2, 1, initial=self.last_layer, name="gate_1")()
        transform = LinearParameters(h, h, name="transform")()
        gate = drop_rows(states.map(lambda x: act(hidden(x))), self.dropout, keys())
        gate = gate.map(lambda x: score(x)[..., 0])
        values = drop_rows(states.map(lambda x: act(transform(x))), self.dropout, keys())
        # Half-precision states are summed over thousands of genes: in the precision of the parameters.
        gate, values = (s.map(lambda x: x.astype(score.kernel.dtype)) for s in (gate, values))
        return pool(gate, values, genes, keep, shared)
