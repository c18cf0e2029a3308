-- Who may do what. A user reads the rows that are theirs, and marks alerts as seen; nobody who is not signed
-- in sees anything; the bot writes as service_role, which row level security does not bind. What is written
-- is a copy of a journal, so no user may write it, not even their own: it would not be a copy any more.
-- That a row has its journal's owner is kept by the foreign keys, for the bot as well.

do $$
declare
    watched text;
begin
    foreach watched in array array[
        'journals', 'events', 'runs', 'strategies', 'orders', 'fills', 'positions', 'equity',
        'account_snapshots', 'alerts'
    ] loop
        execute format('alter table public.%I enable row level security', watched);
        execute format('revoke all on table public.%I from anon, authenticated', watched);
        execute format('grant select on table public.%I to authenticated', watched);
        execute format('grant select, insert, update, delete on table public.%I to service_role', watched);
        -- The subquery makes Postgres ask once a statement, not once a row.
        execute format(
            'create policy %I on public.%I for select to authenticated using (owner = (select auth.uid()))',
            watched || '_of_the_owner', watched
        );
    end loop;
end
$$;

grant update (acknowledged_at) on table public.alerts to authenticated;
create policy alerts_are_acknowledged_by_the_owner on public.alerts for update to authenticated
    using (owner = (select auth.uid())) with check (owner = (select auth.uid()));
