"""`coffer refresh`: have an ExternalSecret or a PushSecret done again now, and tell what came of it."""
