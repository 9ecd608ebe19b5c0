"""Bitwarden Secrets Manager over the REST API of its SDK server."""
