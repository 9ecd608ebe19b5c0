"""Doppler over its REST API."""
