"""Scaleway Secret Manager against its double."""
