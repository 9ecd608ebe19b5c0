"""`coffer status`: one screen about everything that Coffer does in a cluster."""
