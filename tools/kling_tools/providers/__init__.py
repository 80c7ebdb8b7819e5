"""Dialects of the APIs as codecs without wires: values in, values out. No provider knows another."""
