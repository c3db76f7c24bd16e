"""What lands: checked, accepted or set aside; requests and reported labels, which land too."""
