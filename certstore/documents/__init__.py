"""Certificates drawn, sealed and checked as PDF files."""
