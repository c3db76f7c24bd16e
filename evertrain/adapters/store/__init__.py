"""The feature store's schema, files and table states; the table format is a folder of its own."""
