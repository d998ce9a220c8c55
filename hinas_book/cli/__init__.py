"""The commands of the book: study, figures, bench."""
