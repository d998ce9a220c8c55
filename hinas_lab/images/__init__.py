"""What it sees: data, degradation, patches, metrics, protocols."""
