"""Scaleway Secret Manager over its REST API."""
