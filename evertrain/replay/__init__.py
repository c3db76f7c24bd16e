"""What the loop would have done on one's own history, and what it would have gained, without a cloud."""
