"""Secrets of this or another cluster (providers 4.2)."""
