"""What we show: plots, drawings. Reads records and genotypes, never torch."""
