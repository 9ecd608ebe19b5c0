"""Akeyless over its REST API."""
