"""Sealing keys and sealed values: wire format, key pairs, unsealing, rotation."""
