"""The command line: looks at a deployed stage, lands batches, asks for retrainings and predictions."""
