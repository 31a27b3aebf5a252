"""CMP messages described (RFC 9810 §5.1): header, body, verdicts in the standard's own words, certificates within.

What is protected is not checked here: no secret and no trust anchor is at hand. Values of controls, of general
information and of encrypted parts stay unsaid, since they can hold secrets.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runner.asn1.algorithms import HASHES, HMACS, PASSWORD_BASED_MAC, AlgorithmIdentifier, PBMParameter
from runner.asn1.bodies import CONTENTS, MAX_NESTING, nested_in
from runner.asn1.cmp import FAIL_INFO, PKI_STATUS, PKIMessage
from runner.asn1.infotypes import INFO_TYPE_NAMES
from runner.asn1.structures import decode
from runner.cli.describe.blocks import Entry, present
from runner.cli.describe.keys import key_type
from runner.cli.describe.rare import describe_rare, within
from runner.cli.describe.x509 import (
    algorithm_name,
    describe_certificate,
    describe_crl,
    describe_request,
    extension_entries,
    serial,
)
from runner.errors import Malformed
from runner.pki.crls import reason_in
from runner.pki.names import general_name_from_der, name_from_der
from runner.report.canonical import rfc3339

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from runner.asn1.cmp import (
        CertifiedKeyPair,
        CertRepMessage,
        CertResponse,
        CertStatus,
        ErrorMsgContent,
        InfoTypeAndValue,
        KeyRecRepContent,
        PKIHeader,
        PKIStatusInfo,
        PollRep,
        PollReq,
        RevDetails,
        RevRepContent,
    )
    from runner.asn1.crmf import CertReqMsg, CertTemplate
    from runner.asn1.structures import Chosen


def describe_message(der: bytes) -> Entry:
    """A PKIMessage. Malformed where it is not one."""
    return _message(der, 1)


def _message(der: bytes, depth: int) -> Entry:
    message = decode(PKIMessage, der)
    body = _body(message.body, depth)
    protection = "none" if message.protection is None else f"{len(message.protection)} octets, not checked here"
    return "PKIMessage", [
        ("Header", _header(message.header)),
        ("Body", [("Type", message.body.name), *body]),
        ("Protection", protection),
        *present(("ExtraCerts", _certificates(message.extra_certs))),
    ]


def _body(body: Chosen, depth: int) -> list[Entry]:
    """What the body says; of nested messages each one, as deep as messages may be nested."""
    if body.name == "nested":
        return _nested(body.value, depth + 1)
    if body.name in CONTENTS:
        return describe_rare(body.name, body.value)
    return _BODIES[body.name](body.value)


def _nested(content: bytes, depth: int) -> list[Entry]:
    if depth > MAX_NESTING:
        return [("Unreadable", "messages are nested too deep")]
    try:
        return [within(lambda der: _message(der, depth), message) for message in nested_in(content)]
    except Malformed:
        return [("Unreadable", f"{len(content)} octets")]


def _header(header: PKIHeader) -> list[Entry]:
    return present(
        ("Version", str(header.pvno)),
        ("Sender", _general_name(header.sender)),
        ("Recipient", _general_name(header.recipient)),
        ("MessageTime", None if header.message_time is None else rfc3339(header.message_time)),
        ("ProtectionAlg", _protection(header.protection_alg)),
        ("SenderKID", _octets(header.sender_kid)),
        ("RecipKID", _octets(header.recip_kid)),
        ("TransactionID", _hex(header.transaction_id)),
        ("SenderNonce", _hex(header.sender_nonce)),
        ("RecipNonce", _hex(header.recip_nonce)),
        ("FreeText", " / ".join(header.free_text)),
        ("GeneralInfo", _info_types(header.general_info)),
    )


def _general_name(der: bytes) -> str:
    name = general_name_from_der(der)
    return f"<{name.text}>" if name.kind == "dn" else str(name)


def _hex(octets: bytes | None) -> str | None:
    return None if octets is None else octets.hex()


def _octets(octets: bytes | None) -> str | None:
    """Hex, and the text that a reference number usually is."""
    if octets is None:
        return None
    text = octets.decode("ascii", "replace")
    return f"{octets.hex()} ({text})" if text.isascii() and text.isprintable() and text else octets.hex()


def _protection(algorithm: AlgorithmIdentifier | None) -> str:
    if algorithm is None:
        return "none"
    if algorithm.algorithm != PASSWORD_BASED_MAC or algorithm.parameters is None:
        return algorithm_name(algorithm.algorithm)
    parameters = decode(PBMParameter, algorithm.parameters)
    owf = HASHES.get(parameters.owf.algorithm, parameters.owf.algorithm)
    mac = HMACS.get(parameters.mac.algorithm)
    named = f"hmac-{mac}" if mac else parameters.mac.algorithm
    return f"PasswordBasedMac, {owf}, {parameters.iteration_count} iterations, {named}"


def _info_types(infos: Iterable[InfoTypeAndValue]) -> str:
    return ", ".join(INFO_TYPE_NAMES.get(info.info_type, info.info_type) for info in infos)


def _certificates(certificates: Sequence[bytes]) -> list[Entry]:
    return [within(describe_certificate, der) for der in certificates]


def _requests(messages: Sequence[CertReqMsg]) -> list[Entry]:
    return [("Request", _request(message)) for message in messages]


def _request(message: CertReqMsg) -> list[Entry]:
    controls = ", ".join(control.type for control in message.cert_req.controls)
    return [
        ("CertReqID", str(message.cert_req.cert_req_id)),
        *_template(message.cert_req.cert_template),
        ("ProofOfPossession", "none" if message.popo is None else message.popo.name),
        *present(("Controls", controls), ("RegInfo", ", ".join(info.type for info in message.reg_info))),
    ]


def _template(template: CertTemplate) -> list[Entry]:
    return present(
        ("SubjectName", None if template.subject is None else f"<{name_from_der(template.subject)}>"),
        ("IssuerName", None if template.issuer is None else f"<{name_from_der(template.issuer)}>"),
        ("SerialNumber", None if template.serial_number is None else serial(template.serial_number)),
        ("KeyType", _template_key(template.public_key)),
        ("Extensions", extension_entries(template.extensions)),
    )


def _template_key(public_key: bytes | None) -> str | None:
    """The key of a CertTemplate, whose tag is IMPLICIT: the octets come with SEQUENCE's own."""
    if public_key is None:
        return None
    try:
        return key_type(public_key)
    except Malformed:
        return "left to the CA"


def _responses(content: CertRepMessage) -> list[Entry]:
    answers: list[Entry] = [("Response", _response(response)) for response in content.response]
    return [*present(("CAPubs", _certificates(content.ca_pubs))), *answers]


def _response(response: CertResponse) -> list[Entry]:
    pair = response.certified_key_pair
    return [
        ("CertReqID", str(response.cert_req_id)),
        *_status(response.status),
        *([] if pair is None else _key_pair(pair)),
    ]


def _key_pair(pair: CertifiedKeyPair) -> list[Entry]:
    if pair.cert_or_enc_cert.name == "certificate":
        certificate = within(describe_certificate, pair.cert_or_enc_cert.value)
    else:
        certificate = ("EncryptedCertificate", "not opened")
    return [certificate, *present(("PrivateKey", "encrypted, not opened" if pair.private_key else None))]


def _status(info: PKIStatusInfo) -> list[Entry]:
    status = PKI_STATUS[info.status] if 0 <= info.status < len(PKI_STATUS) else str(info.status)
    bits = [FAIL_INFO[bit] if bit < len(FAIL_INFO) else f"bit {bit}" for bit in sorted(info.fail_info)]
    return present(("Status", status), ("FailInfo", ", ".join(bits)), ("StatusString", " / ".join(info.status_string)))


def _recovered(content: KeyRecRepContent) -> list[Entry]:
    return [
        *_status(content.status),
        *present(
            ("NewSigCert", [within(describe_certificate, content.new_sig_cert)] if content.new_sig_cert else None),
            ("CACerts", _certificates(content.ca_certs)),
        ),
        *[("KeyPair", _key_pair(pair)) for pair in content.key_pair_hist],
    ]


def _revocations(details: Sequence[RevDetails]) -> list[Entry]:
    return [("Revoke", [*_template(one.cert_details), *present(("Reason", _reason(one)))]) for one in details]


def _reason(details: RevDetails) -> str:
    return reason_in(details.crl_entry_details)


def _revoked(content: RevRepContent) -> list[Entry]:
    answers: list[Entry] = [("Response", _status(info)) for info in content.status]
    crls = [within(describe_crl, der) for der in content.crls]
    return [*answers, *crls]


def _error(content: ErrorMsgContent) -> list[Entry]:
    return [
        *_status(content.pki_status_info),
        *present(
            ("ErrorCode", None if content.error_code is None else str(content.error_code)),
            ("ErrorDetails", " / ".join(content.error_details)),
        ),
    ]


def _confirmations(statuses: Sequence[CertStatus]) -> list[Entry]:
    return [("CertStatus", _confirmation(status)) for status in statuses]


def _confirmation(status: CertStatus) -> list[Entry]:
    return [
        ("CertReqID", str(status.cert_req_id)),
        ("CertHash", status.cert_hash.hex()),
        *([("Status", "accepted (by default)")] if status.status_info is None else _status(status.status_info)),
    ]


def _polls(polls: Sequence[PollReq]) -> list[Entry]:
    return [("CertReqID", str(poll.cert_req_id)) for poll in polls]


def _poll_answers(answers: Sequence[PollRep]) -> list[Entry]:
    return [
        (
            "Wait",
            [
                ("CertReqID", str(answer.cert_req_id)),
                ("CheckAfter", f"{answer.check_after} s"),
                *present(("Reason", " / ".join(answer.reason))),
            ],
        )
        for answer in answers
    ]


def _general(infos: Sequence[InfoTypeAndValue]) -> list[Entry]:
    return [("InfoType", INFO_TYPE_NAMES.get(info.info_type, info.info_type)) for info in infos]


_BODIES: dict[str, Callable[[Any], list[Entry]]] = {
    **dict.fromkeys(("ir", "cr", "kur", "krr", "ccr"), _requests),
    **dict.fromkeys(("ip", "cp", "kup", "ccp"), _responses),
    "pkiconf": lambda _: [],
    "p10cr": lambda der: [within(describe_request, der)],
    "krp": _recovered,
    "rr": _revocations,
    "rp": _revoked,
    "genm": _general,
    "genp": _general,
    "error": _error,
    "certConf": _confirmations,
    "pollReq": _polls,
    "pollRep": _poll_answers,
}
"""Body types whose content PKI_BODY reads; the others are in runner.asn1.bodies."""
