"""Shows in another registry what ours holds."""
