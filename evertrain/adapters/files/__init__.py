"""Files of rows, wherever they are and however their text is written."""
