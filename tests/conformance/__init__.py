"""Comparisons with the real thing: expectations are what other programs say, never what ours does."""
