"""Identities of Google Cloud, for all that act as one."""
