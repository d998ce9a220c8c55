"""What it looks like: plots and drawings of records, genotypes and spaces. Never torch."""
