"""Hazards of the external module."""
