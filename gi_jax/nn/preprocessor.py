"""What every gene embedding goes through before the first layer of the encoder."""

from __future__ import annotations

from flax import linen as nn

from gi_jax.nn.mlp import ACTIVATIONS, DropoutKeys, LinearParameters, drop_rows
from gi_jax.nn.norms import Norm, normalise
from gi_jax.ops.node_states import NodeStates, RowSelection
from gi_jax.ops.trees import take


class Preprocessor(nn.Module):
    """Two times linear, norm, activation, dropout; one norm is shared by both (as the original).

    The first layer is as wide as what enters.
    """

    channels: int
    norm: str
    activation: str
    dropout: float
    initial: str = "kaiming"  # values of the linear layers

    @nn.compact
    def __call__(self, states: NodeStates, select: RowSelection, train: bool) -> NodeStates:
        keys = DropoutKeys(self, self.dropout, train)
        norm = Norm(self.norm, self.channels, name="norm")
        parameters = norm(not train)
        act = ACTIVATIONS[self.activation]
        collected = []
        for i in range(2):
            width = states.columns.shape[-1]
            linear = LinearParameters(width, self.channels, initial=self.initial, name=f"linear_{i}")()
            states, moments = normalise(self.norm, parameters, states.map(linear), select)
            states = drop_rows(states.map(act), self.dropout, keys())
            collected.append(moments)
        if collected[0] is not None:
            for pass_index in (0, 1):  # both norms of the wildtype pass, then both of the batch pass
                for moments in collected:
                    norm.update(take(moments, slice(pass_index, pass_index + 1)))
        return states
