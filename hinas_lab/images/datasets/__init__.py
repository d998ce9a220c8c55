"""Where clean pictures come from: data sets by name, downloads, checks."""
