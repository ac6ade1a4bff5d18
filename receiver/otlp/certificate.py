"""A client's certificate, verified by TLS before anything of its request was read."""

from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtensionOID, NameOID


@dataclass(frozen=True, slots=True)
class Certificate:
    """What a credential is found by: the SHA-256 of the certificate in DER, hex, and the names it is for."""

    fingerprint: str
    names: tuple[str, ...]


@lru_cache(maxsize=1024)  # a client shows the same one with every request
def of_pem(pem: bytes) -> Certificate:
    """The certificate in *pem*: its common names, and DNS names, URIs and addresses of its SAN."""
    loaded = x509.load_pem_x509_certificate(pem)
    der = loaded.public_bytes(Encoding.DER)
    common = [str(each.value) for each in loaded.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    try:
        extension = loaded.extensions.get_extension_for_oid(ExtensionOID.SUBJECT_ALTERNATIVE_NAME)
    except x509.ExtensionNotFound:
        return Certificate(sha256(der).hexdigest(), tuple(common))
    assert isinstance(extension.value, x509.SubjectAlternativeName)  # noqa: S101 - what the OID says
    kinds = (x509.DNSName, x509.UniformResourceIdentifier, x509.IPAddress)
    named = [str(name) for kind in kinds for name in extension.value.get_values_for_type(kind)]
    return Certificate(sha256(der).hexdigest(), tuple(dict.fromkeys((*common, *named))))
