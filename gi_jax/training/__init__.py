"""Training: the step, the loop, checkpoints, metrics, and the run folder."""
