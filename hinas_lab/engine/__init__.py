"""How it learns: losses, search, training, evaluation, run folders."""
