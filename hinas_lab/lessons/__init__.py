"""What the notebooks ask and what they play with. Sees everything below it; loads no torch by itself."""
