"""Generators that ask a service for credentials."""
