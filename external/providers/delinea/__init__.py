"""Delinea DevOps Secrets Vault over its REST API."""
