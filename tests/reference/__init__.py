"""PyTorch reference of the three systems: the oracle of the parity tests and the baseline of the benchmarks.

`lazy` is GeneInteractionDango, `eager_v1` its first version, `dango` DANGO. Each keeps the state-dict keys of
its original, so that a strict `load_state_dict` accepts a trained checkpoint, and each keeps the cost of its
original: `lazy` replicates the graph once per genotype.
"""
