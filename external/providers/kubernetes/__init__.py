"""Secrets of this or another cluster."""
