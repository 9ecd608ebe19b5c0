"""`coffer migrate`: move a cluster from the originals to Coffer, and back."""
