"""The applicant's own certificate that is to be shown: there, the newest version, in force."""

from __future__ import annotations

from certstore.identifiers import CertificateIdentifier
from certstore.status import State
from exchange.access import Permitted
from exchange.certificates.records import Certificate
from exchange.certificates.service import Certificates
from exchange.errors import Conflict, NotFound


def get_own_in_force(
    certificates: Certificates, permitted: Permitted, identifier: CertificateIdentifier
) -> Certificate:
    """One of the acting applicant's certificates.

    Raises:
        NotFound: the applicant holds no such certificate.
        Conflict: a newer version replaced it, or it is not in force.
    """
    wanted = (identifier.issuer, identifier.type_code, identifier.serial)
    for certificate, state in certificates.own(permitted):
        if certificate.key != wanted:
            continue
        if identifier.version > certificate.version:
            break
        if identifier.version < certificate.version:
            raise Conflict(
                "该版本已被新版本取代，请出示新版本。",
                "A newer version replaced this one; show that.",
                members={"newest": certificate.identifier},
            )
        if state is not State.VALID:
            raise Conflict(
                "证照不在有效状态，不能出示。",
                "The certificate is not in force, so it cannot be shown.",
                members={"state": state.code},
            )
        return certificate
    raise NotFound("没有该证照。", "There is no such certificate.")
