"""torchcell itself as an oracle: `make upstream` installs its wheel beside the project and compares."""
