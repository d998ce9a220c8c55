"""Chapter 2: width paths and cell sharing."""
