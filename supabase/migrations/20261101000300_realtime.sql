-- What a dashboard may subscribe to: Supabase Realtime sends the changes of the tables in this publication to
-- those who may read the rows. Events are not among them: everything in them is in the others.

do $$
begin
    if not exists (select from pg_publication where pubname = 'supabase_realtime') then
        create publication supabase_realtime;
    end if;
    if not (select puballtables from pg_publication where pubname = 'supabase_realtime') then
        alter publication supabase_realtime add table
            public.runs, public.strategies, public.orders, public.fills, public.positions, public.equity,
            public.account_snapshots, public.alerts;
    end if;
end
$$;
