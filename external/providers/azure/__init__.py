"""Azure Key Vault over its REST API."""
