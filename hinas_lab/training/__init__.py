"""How it learns: losses, optimisers, number formats, CUDA graphs, memory of a step, the training
loop."""
