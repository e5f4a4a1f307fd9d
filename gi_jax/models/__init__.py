"""The models: what each of them is, and the contract that all of them keep."""
