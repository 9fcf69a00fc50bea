"""Certificates as files: drawn and sealed on demand, kept, and copied with annotations."""
