"""The copy of the journal in a Supabase project, or any Postgres that has Supabase's roles.

It is a copy: trading never waits for it, and needs it for nothing.
"""
