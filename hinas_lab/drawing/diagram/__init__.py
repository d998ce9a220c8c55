"""Drawings as values: boxes and arrows that show and write themselves."""
