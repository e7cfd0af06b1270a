"""What we remember, in SQLite or PostgreSQL: the one floor that speaks SQL.

`database.Store` runs plain synchronous functions inside transactions; each other file here holds such functions for
one subject, with the transaction as their first argument.
"""
