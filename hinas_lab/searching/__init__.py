"""How it chooses: the search loop, scores on Validation V."""
