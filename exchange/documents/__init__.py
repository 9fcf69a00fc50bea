"""Certificates as people see them: sealed PDF files, pictures, annotated copies (加注件)."""
