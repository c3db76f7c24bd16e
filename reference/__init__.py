"""The pages of docs/ that are told from the code, so that they cannot say anything else. Not part of the package."""
