"""Chapter 6: the same road with another degradation."""
