"""The words of continuous training as values, and the policies over them. Pure: no I/O, no clock, no AWS."""
