"""What we claim: one study a file."""
