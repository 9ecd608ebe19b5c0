"""CI/CD variables of GitLab over its REST API."""
