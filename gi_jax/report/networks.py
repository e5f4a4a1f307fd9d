"""Which networks the model listens to: the weights of their aggregation, or what each adds to a sum."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.ticker import MaxNLocator

from gi_jax.explain.intermediates import Trained, wildtype_networks
from gi_jax.report.blocks import Picture, Section, Table, aligned, number, picture
from gi_jax.report.panels import INK, TRAIN, as_drawn, frameless, new_figure

TITLE = "Networks in the model"


def networks_section(trained: Trained) -> Section:
    """Weights of an attentive aggregation, or the size of every network's part in a sum or a mean."""
    config, names = trained.model.config, trained.graph.names
    method = "dango" if config.kind == "dango" else config.gene_encoder_config.graph_aggregation_method
    if method != "dango" and config.num_layers == 0:
        return Section(TITLE, ("None: the model has no layers (num_layers: 0), so no network takes part.",))
    weights, outputs = wildtype_networks(trained)
    if not weights:
        return Section(TITLE, (_SUMMED.format(method=method), _outputs_table(names, outputs)))
    shares = [network_shares(layer, len(names)) for layer in weights]  # [N, G] each
    blocks = [f"{_ATTENTIVE[method]} {_BARS}", _bars(names, shares), _shares_table(names, shares)]
    if method in _MAPS:
        blocks += [_MAPS[method], _maps(names, weights)]
    if method == "pairwise_interaction" and config.kind != "eager":
        means = ", ".join(number(layer[:, -1].mean()) for layer in weights)
        blocks.append(f"What is left goes to the plain mean over networks, layer by layer: {means}.")
    return Section(TITLE, tuple(blocks))


def network_shares(weights: np.ndarray, num_networks: int) -> np.ndarray:
    """The part of each network in the combined embedding of each gene: `[N, G]`, rows add up to 1.

    Args:
      weights: `[N, G]`; `[N, G, G]`, of which the mean over the rows, which attend, is taken; or
        `[N, P]` or `[N, P + 1]`, where a pair's weight goes to its two networks by halves and that of the
        plain mean to all alike.
    """
    if weights.ndim == 3:
        return weights.mean(axis=1)
    if weights.shape[1] == num_networks:
        return weights
    num_pairs = num_networks * (num_networks + 1) // 2
    of_mean = weights[:, num_pairs:].sum(axis=1, keepdims=True)
    share = np.repeat(of_mean / num_networks, num_networks, axis=1)
    for pair, networks in enumerate(zip(*np.triu_indices(num_networks), strict=True)):
        for network in networks:
            share[:, network] += weights[:, pair] / 2
    return share


def _bars(names: Sequence[str], shares: Sequence[np.ndarray]) -> Picture:
    figure = new_figure(7.5, 1.0 + 0.3 * len(names))
    panels = figure.subplots(1, len(shares), sharex=True, sharey=True, squeeze=False)[0]
    for layer, (axes, share) in enumerate(zip(panels, shares, strict=True), start=1):
        mean, (low, high) = share.mean(axis=0), np.quantile(share, [0.1, 0.9], axis=0)
        # A few genes far out can pull the mean beyond the quantiles.
        reach = np.maximum([mean - low, high - mean], 0)
        axes.barh(
            [as_drawn(name) for name in names],
            mean,
            xerr=reach,
            color="#b8c4d6",
            ecolor=INK,
            error_kw={"linewidth": 0.8},
        )
        axes.axvline(1 / len(names), color=TRAIN, linewidth=0.8, linestyle="--")
        axes.set(xlabel="weight")
        axes.set_xlim(left=0)
        axes.xaxis.set_major_locator(MaxNLocator(4))
        axes.set_title(f"layer {layer}" if len(shares) > 1 else "", loc="left")
    panels[0].invert_yaxis()
    frameless(*panels)
    return picture(figure, "Bars of the mean aggregation weight of each network, one panel per layer")


def _maps(names: Sequence[str], weights: Sequence[np.ndarray]) -> Picture:
    g = len(names)
    figure = new_figure(min(4.5 + 0.33 * g, 7.5), (1.8 + 0.3 * g) * len(weights))
    panels = figure.subplots(len(weights), 1, squeeze=False)[:, 0]
    for layer, (axes, weight) in enumerate(zip(panels, weights, strict=True), start=1):
        mean = weight.mean(axis=0)
        if weight.ndim == 2:
            pairs = np.full((g, g), np.nan)
            pairs[np.triu_indices(g)] = mean[:-1]
            mean = pairs.T
        image = axes.imshow(mean, cmap="Blues", vmin=0, interpolation="nearest")
        labels = [as_drawn(name) for name in names]
        axes.set_xticks(range(g), labels, rotation=45, ha="right", rotation_mode="anchor")
        axes.set_yticks(range(g), labels)
        axes.set_title(f"layer {layer}" if len(weights) > 1 else "", loc="left")
        figure.colorbar(image, label="mean weight")
    return picture(figure, "Map of the mean aggregation weight of every two networks, one per layer")


def _shares_table(names: Sequence[str], shares: Sequence[np.ndarray]) -> Table:
    means = np.stack([share.mean(axis=0) for share in shares], axis=1)  # [G, layers]
    rows = tuple((name, *map(number, own)) for name, own in zip(names, means, strict=True))
    return Table(("mean weight", *(f"layer {layer + 1}" for layer in range(len(shares)))), rows)


def _outputs_table(names: Sequence[str], outputs: Sequence[np.ndarray]) -> Table:
    rows = []
    for layer, states in enumerate(outputs, start=1):  # [G, N, H]
        norm = np.sqrt((states**2).sum(axis=2).mean(axis=1))  # [G]
        spread = np.sqrt(states.var(axis=1).sum(axis=1))  # [G]
        text = np.reshape(aligned([*norm, *spread]), (2, -1)).T
        rows += [(name, str(layer), *own) for name, own in zip(names, text.tolist(), strict=True)]
    return Table(("network", "layer", "norm", "spread between genes"), tuple(rows))


_SUMMED = (
    "The aggregation ({method}) has no weights: every network's output counts alike. What can differ is "
    "how much each one brings. Over the genes of the wildtype, norm is the root mean square length of a "
    "network's output vector; spread is the root mean square distance from its mean over genes, which is "
    "how much the network tells genes apart. A network with little spread adds nearly the same vector to "
    "every gene."
)
_ATTENTIVE = {
    "dango": "Dango's meta-embedding weighs the networks by a softmax, gene by gene.",
    "cross_attention": (
        "The networks attend to each other, gene by gene (cross_attention). The weight of a network is the "
        "attention that it receives, averaged over the networks that attend and over heads."
    ),
    "pairwise_interaction": (
        "A softmax mixes one option for every pair of networks and their plain mean, gene by gene "
        "(pairwise_interaction). The weight of a network is half the weight of each pair that it is in, "
        "its pair with itself in full, and its equal part of the plain mean."
    ),
}
_BARS = (
    "Bars are means over the genes of the wildtype, lines reach from the 10 % to the 90 % quantile over "
    "genes; the dashed line is equal weight. Bars that end there with short lines: the model does not tell "
    "the networks apart. A weight does not say how long the vector is that it weighs."
)
_MAPS = {
    "cross_attention": (
        "The same weights before averaging over those who attend: the network of a row attends to the "
        "network of a column, and a row adds up to 1 (means over the genes of the wildtype)."
    ),
    "pairwise_interaction": (
        "The weights of the pairs themselves: one cell per pair of networks (means over the genes of the "
        "wildtype); with the plain mean they add up to 1."
    ),
}
