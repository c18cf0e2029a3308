"""A real Postgres server with what a Supabase project has, for tests."""
