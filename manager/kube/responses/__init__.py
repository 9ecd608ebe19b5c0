"""Reading the answers of the API server: bodies within bounds, and who refused a request."""
