"""`coffer doctor`: what around Coffer keeps it from working, each with the command that mends it."""
