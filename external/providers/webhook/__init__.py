"""Any HTTP API."""
