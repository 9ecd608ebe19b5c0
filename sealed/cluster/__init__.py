"""The cluster as a command sees it: its API server, the controller behind it, and what a user may read there."""
