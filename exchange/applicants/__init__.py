"""The applicant's own door: what the hub holds about oneself, and who looked at it."""
