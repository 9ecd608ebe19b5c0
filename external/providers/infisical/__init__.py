"""Infisical over its REST API."""
