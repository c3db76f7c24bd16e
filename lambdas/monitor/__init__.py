"""Checks what lands: valid or set aside, and how far it lies from what each champion learnt from."""
