"""The maths, as plain functions on arrays."""
