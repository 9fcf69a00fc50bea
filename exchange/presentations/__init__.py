"""What a holder shows: key-bound copies and one-time codes (用证码)."""
