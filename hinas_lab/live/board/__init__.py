"""The board: a search in one picture that is drawn often."""
