"""Chapter 4: from the soft supernet to a trained net."""
