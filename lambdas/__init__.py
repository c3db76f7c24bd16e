"""The functions of the loop, one folder each: handlers parse, call and serialise."""
