"""Benchmarks: speed and F1 of the exported models and of the whole scan.

A folder for each question that takes more than a module; what they share lies in `shared`.
"""
