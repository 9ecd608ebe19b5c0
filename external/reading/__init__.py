"""Reads from providers: one call for all who want the same value."""
