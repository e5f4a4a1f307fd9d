"""PyTorch and JAX side by side: weights in both directions, recorded cases, proof of equality."""
