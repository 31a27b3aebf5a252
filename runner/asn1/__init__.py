"""The standards' types: ASN.1 structures of CMP, CRMF and PKIX as frozen dataclasses, and the DER codec under them."""
