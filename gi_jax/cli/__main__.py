"""`python -m gi_jax.cli`."""

from gi_jax.cli import main

main()
