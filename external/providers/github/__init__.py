"""Secrets of GitHub Actions, which can be written and never read."""
