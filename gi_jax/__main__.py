"""`python -m gi_jax`, the same as `gi-jax`."""

from gi_jax.cli import main

main()
