"""Cryptography that several modules need."""
