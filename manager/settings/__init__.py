"""Every setting of the process, where it comes from, and what the replaced systems called it."""
