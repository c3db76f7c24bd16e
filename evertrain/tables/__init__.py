"""Functions on Arrow tables of rows and labels: pure, and below whoever reads or trains."""
