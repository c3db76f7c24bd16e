"""Checks what lands: is it valid, and how far is it from what each champion was trained on?"""
