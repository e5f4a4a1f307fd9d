"""Speed and memory of this project beside a plain JAX port and the PyTorch reference.

`python -m tests.benchmarks` prints the tables. Every measurement is a process of its own (`child`);
the tests time nothing.
"""
