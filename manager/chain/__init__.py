"""The chain of one Secret: sealed, store, synced, mirrored, running. A model for the command line and for pages."""
