"""Queries of the database; SQL is in no other package.

`idle_check` and `schema_mark` import nothing but the standard library, so that an idle run stays fast.
"""
