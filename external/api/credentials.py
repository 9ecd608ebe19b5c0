"""Shapes in which the original's stores and generators name a credential."""

from external.api.fields import Model, SecretKeySelector


class SecretValue(Model):
    """A value that a Secret holds."""

    secret_ref: SecretKeySelector | None = None
    """Key of a Secret that holds the value."""


class RequiredSecretValue(Model):
    """A value that a Secret holds."""

    secret_ref: SecretKeySelector
    """Key of a Secret that holds the value."""


class ValueOrSecret(Model):
    """A value, or the Secret that holds it."""

    secret_ref: SecretKeySelector | None = None
    """Key of a Secret that holds the value."""
    value: str | None = None
    """The value itself."""


class CertificateInSecret(Model):
    """A certificate that a Secret holds."""

    cert_secret_ref: SecretKeySelector | None = None
    """Key of a Secret that holds the certificates of the authorities to trust."""
