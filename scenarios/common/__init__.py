"""What every room uses: the mistakes a user can make, and numbers as people write and read them. Pure.

Imports no other room.
"""
