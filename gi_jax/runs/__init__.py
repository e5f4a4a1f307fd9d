"""A run: a folder that holds a training from its configuration to its evaluation."""
