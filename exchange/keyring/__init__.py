"""The issuers' keys: which sign, which no longer, and the root that certifies them."""
