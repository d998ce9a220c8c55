"""Chapter 3: the bilevel problem, and a search to watch."""
