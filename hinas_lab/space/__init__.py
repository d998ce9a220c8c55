"""What can be built: operations, cells, supernet, genotype, decoded network."""
