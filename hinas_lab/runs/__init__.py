"""How it is kept: run folders, their headers, one-file copies."""
