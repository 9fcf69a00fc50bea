"""Certificate types: what is published of them, and publishing the next version."""
