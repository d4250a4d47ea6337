"""Who the broker is to be, and who we are to it: certificates and passwords."""

from __future__ import annotations

import ssl
from pathlib import Path

from smallbms.config_tables import MqttTable
from smallbms.errors import ConfigError


def tls_context(table: MqttTable) -> ssl.SSLContext | None:
    """How the broker is known; None for a plain connection. Raises ConfigError.

    A pinned certificate is trusted whatever name and issuer it bears, and no other is: so a GX is known, whose
    certificate is its own work for the name venus.local.
    """
    if not table.tls:
        return None
    try:
        if table.pinned_certificate is None:
            context = ssl.create_default_context(cafile=table.ca_file)
        else:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname = False
            context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
            context.load_verify_locations(table.pinned_certificate)
        if table.client_certificate is not None:
            context.load_cert_chain(table.client_certificate, table.client_key)
    except OSError as error:
        raise ConfigError(f"[[mqtt]] {table.host}: a certificate or key cannot be used: {error}") from error
    return context


def password_of(table: MqttTable) -> str | None:
    """The password, from the configuration or from its file. Raises ConfigError."""
    if table.password_file is None:
        return table.password
    try:
        return Path(table.password_file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"[[mqtt]] {table.host}: password_file cannot be read: {error}") from error


def why_not(error: Exception) -> str:
    """Why there is no connection, in words."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not the trusted one: {error.verify_message}"
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
