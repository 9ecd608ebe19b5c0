"""The sandbox for Go templates."""
