"""What holders show of their certificates: copies bound to a key, and one-time codes."""
