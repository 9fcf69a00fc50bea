"""The audit log: an RFC 6962 Merkle log in PostgreSQL, with signed checkpoints and receipts."""
