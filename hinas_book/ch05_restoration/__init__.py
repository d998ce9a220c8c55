"""Chapter 5: train, restore, measure."""
