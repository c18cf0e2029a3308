-- One index for each question that a dashboard asks. They begin with the owner, as row level security adds
-- that condition to every query of a user.

-- The journals of a user.
create index journals_owner on public.journals (owner);
-- The latest runs.
create index runs_latest on public.runs (owner, began desc);
-- The latest orders, and those that still work.
create index orders_latest on public.orders (owner, at desc);
create index orders_open on public.orders (owner, strategy, symbol) where open;
-- The fills of a strategy by time, and of an order.
create index fills_by_strategy on public.fills (owner, strategy, at desc);
create index fills_by_order on public.fills (journal, run, strategy, order_id);
-- What is held now.
create index positions_open on public.positions (owner, strategy, symbol) where quantity <> 0;
-- The equity curve of a strategy over its runs. Within one run the primary key has it.
create index equity_curve on public.equity (owner, strategy, at);
-- The account by time.
create index account_snapshots_latest on public.account_snapshots (owner, at desc);
-- The latest alerts, and those that nobody has looked at.
create index alerts_latest on public.alerts (owner, at desc);
create index alerts_new on public.alerts (owner, at desc) where acknowledged_at is null;
-- Events of one kind by time, and everything about one subject.
create index events_by_kind on public.events (owner, kind, at desc);
create index events_by_subject on public.events (journal, subject) where subject <> '';
