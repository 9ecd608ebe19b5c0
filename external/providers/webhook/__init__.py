"""Any HTTP API (providers 4.5)."""
