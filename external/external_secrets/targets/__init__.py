"""Kinds of targets: Secrets, and every other kind that `spec.target.manifest` may name."""
