"""Identities of AWS, for all that act as one."""
