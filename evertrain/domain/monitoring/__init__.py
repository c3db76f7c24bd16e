"""What a comparison with the reference found."""
