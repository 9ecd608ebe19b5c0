"""Generators of logins for registries of images and packages."""
