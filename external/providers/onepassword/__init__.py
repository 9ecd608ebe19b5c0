"""1Password over the REST API of a Connect server."""
