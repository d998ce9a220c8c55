"""The book beside the laboratory: one chapter a notebook, the paper's numbers, the bench and the
lessons."""
