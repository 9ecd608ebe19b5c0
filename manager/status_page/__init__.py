"""The status page: what Coffer does, in a browser, read-only and names only; and sealing that never leaves the page."""
