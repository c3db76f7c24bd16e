"""What lands: objects, batches, feeds with their columns, predictions, reported labels."""
