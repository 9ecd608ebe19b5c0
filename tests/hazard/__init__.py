"""What concerns several modules at once: outages, hostile input, old views."""
