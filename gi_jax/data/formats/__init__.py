"""Files that measurements, networks and genotypes come in."""
