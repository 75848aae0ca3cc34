"""A page of tables, sentences and pictures that needs no other file and no network, and the template it goes into.

Says nothing of its own. Imports `tables`.
"""
