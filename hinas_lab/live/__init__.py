"""What one touches: the live panel, replay, surgery. Never torch."""
