"""Queries of the database; SQL is in no other package.

`idle_check` imports nothing but the standard library, so that an idle run stays fast.
"""
