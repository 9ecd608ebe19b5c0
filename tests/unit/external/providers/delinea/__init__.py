"""Delinea DevOps Secrets Vault against its double."""
