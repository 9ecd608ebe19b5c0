"""Manifests in files, and what is wrong with them: shared by the commands that judge files before they are applied."""
