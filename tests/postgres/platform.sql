-- What a Supabase project has before any migration, as far as migrations and policies can tell: its roles,
-- its `auth` schema, its default privileges and its publication. Run by a superuser.

do $$
declare
    role text;
begin
    foreach role in array array['anon', 'authenticated', 'service_role', 'authenticator', 'postgres'] loop
        if not exists (select from pg_roles where rolname = role) then
            execute format('create role %I', role);
        end if;
    end loop;
end
$$;
alter role anon nologin noinherit;
alter role authenticated nologin noinherit;
alter role service_role nologin noinherit bypassrls;
alter role authenticator login noinherit;
alter role postgres login createdb createrole bypassrls replication;
grant anon, authenticated, service_role to authenticator;
grant anon, authenticated, service_role to postgres with admin option;

create schema auth;
grant usage on schema auth to anon, authenticated, service_role, postgres;
create table auth.users (id uuid primary key, email text unique);
grant select, references on auth.users to postgres;

create function auth.jwt() returns jsonb language sql stable as
    $$ select coalesce(nullif(current_setting('request.jwt.claims', true), ''), '{}')::jsonb $$;
create function auth.uid() returns uuid language sql stable as $$ select (auth.jwt() ->> 'sub')::uuid $$;
create function auth.role() returns text language sql stable as $$ select auth.jwt() ->> 'role' $$;

create schema extensions;
grant usage on schema extensions to anon, authenticated, service_role, postgres;
grant usage on schema public to anon, authenticated, service_role, postgres;
alter default privileges for role postgres in schema public
    grant all on tables to anon, authenticated, service_role;
