"""What it is for: pictures through a net, measured, compared with classical methods."""
