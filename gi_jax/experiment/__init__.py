"""From a configuration to the cell, the genotypes and their split; and a trained model with all of these."""
