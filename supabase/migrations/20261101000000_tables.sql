-- The copy of Openbell's journals, and what follows from them.
--
-- A journal is one account's log of events, written by one machine. The bot copies it here, in order; users
-- read what is theirs. Times are nanoseconds since 1970-01-01 UTC, as everywhere in Openbell; `at` is the
-- same for people and for indexes. Money, prices and quantities are NUMERIC without a scale: a value is here
-- digit by digit what the journal says.

create table public.journals (
    id uuid primary key,
    owner uuid not null references auth.users (id),
    account text not null,
    -- How far it is copied: the last event's number and digest. It moves in the transaction that copies.
    copied bigint not null default 0 check (copied >= 0),
    digest bytea not null,
    copied_at timestamptz not null default now(),
    created_at timestamptz not null default now(),
    unique (id, owner)
);
comment on table public.journals is 'One account''s log of events, and how far it is copied.';

create table public.events (
    journal uuid not null,
    seq bigint not null check (seq > 0),
    owner uuid not null,
    time bigint not null,
    wall bigint not null,
    kind text not null,
    strategy text not null,
    subject text not null,
    trace text not null,
    -- json, not jsonb: it keeps the text, and the digest is over the text.
    body json not null,
    digest bytea not null,
    at timestamptz not null generated always as (to_timestamp((time / 1000) / 1000000.0::float8)) stored,
    primary key (journal, seq),
    foreign key (journal, owner) references public.journals (id, owner) on update cascade
);
comment on table public.events is 'Every event of a journal, as it was written.';

create table public.runs (
    journal uuid not null,
    run bigint not null,
    owner uuid not null,
    state text not null,
    about json not null,
    began bigint not null,
    time bigint not null,
    primary key (journal, run),
    foreign key (journal, owner) references public.journals (id, owner) on update cascade
);
comment on table public.runs is 'A session, named by the event that began it.';

create table public.strategies (
    journal uuid not null,
    run bigint not null,
    strategy text not null,
    owner uuid not null,
    origin text not null,
    parameters json not null,
    initial_cash numeric not null,
    cash numeric not null,
    failed text not null,
    primary key (journal, run, strategy),
    foreign key (journal, owner) references public.journals (id, owner) on update cascade
);
comment on table public.strategies is 'A strategy of a run, and its cash now.';

create table public.orders (
    journal uuid not null,
    run bigint not null,
    strategy text not null,
    id bigint not null,
    owner uuid not null,
    symbol text not null,
    side smallint not null check (side in (1, -1)),
    type text not null,
    tif text not null,
    quantity numeric not null,
    limit_price numeric,
    stop_price numeric,
    trail numeric,
    trail_percent boolean not null,
    parent bigint not null,
    oco bigint not null,
    tag text not null,
    status text not null,
    reason text not null,
    open boolean not null,
    filled numeric not null,
    average numeric not null,
    fees numeric not null,
    decided bigint not null,
    seq bigint not null,
    at timestamptz not null generated always as (to_timestamp((decided / 1000) / 1000000.0::float8)) stored,
    primary key (journal, run, strategy, id),
    foreign key (journal, owner) references public.journals (id, owner) on update cascade
);
comment on table public.orders is 'An order and where it stands; seq is the last event about it.';

create table public.fills (
    journal uuid not null,
    seq bigint not null,
    run bigint not null,
    strategy text not null,
    order_id bigint not null,
    owner uuid not null,
    symbol text not null,
    side smallint not null check (side in (1, -1)),
    quantity numeric not null check (quantity > 0),
    price numeric not null,
    fee numeric not null,
    slippage numeric not null,
    time bigint not null,
    at timestamptz not null generated always as (to_timestamp((time / 1000) / 1000000.0::float8)) stored,
    primary key (journal, seq),
    foreign key (journal, owner) references public.journals (id, owner) on update cascade
);
comment on table public.fills is 'An execution, named by its event.';

create table public.positions (
    journal uuid not null,
    run bigint not null,
    strategy text not null,
    symbol text not null,
    owner uuid not null,
    quantity numeric not null,
    average numeric not null,
    realised numeric not null,
    fees numeric not null,
    dividends numeric not null,
    borrow numeric not null,
    seq bigint not null,
    primary key (journal, run, strategy, symbol),
    foreign key (journal, owner) references public.journals (id, owner) on update cascade
);
comment on table public.positions is 'What a strategy holds of a symbol, signed, and what came of it so far.';

create table public.equity (
    journal uuid not null,
    run bigint not null,
    strategy text not null,
    time bigint not null,
    owner uuid not null,
    equity numeric not null,
    cash numeric not null,
    gross numeric not null,
    at timestamptz not null generated always as (to_timestamp((time / 1000) / 1000000.0::float8)) stored,
    primary key (journal, run, strategy, time),
    foreign key (journal, owner) references public.journals (id, owner) on update cascade
);
comment on table public.equity is 'A strategy''s equity after each moment, at the last prices.';

create table public.account_snapshots (
    journal uuid not null,
    seq bigint not null,
    run bigint not null,
    owner uuid not null,
    occasion text not null,
    equity numeric not null,
    cash numeric not null,
    gross numeric not null,
    time bigint not null,
    at timestamptz not null generated always as (to_timestamp((time / 1000) / 1000000.0::float8)) stored,
    primary key (journal, seq),
    foreign key (journal, owner) references public.journals (id, owner) on update cascade
);
comment on table public.account_snapshots is 'All strategies of a run together: at each change of its state, and before each new day.';

create table public.alerts (
    journal uuid not null,
    seq bigint not null,
    run bigint not null,
    owner uuid not null,
    level text not null check (level in ('info', 'warning', 'error')),
    kind text not null,
    strategy text not null,
    said text not null,
    time bigint not null,
    at timestamptz not null generated always as (to_timestamp((time / 1000) / 1000000.0::float8)) stored,
    -- The user's own mark; no copy touches it.
    acknowledged_at timestamptz,
    primary key (journal, seq),
    foreign key (journal, owner) references public.journals (id, owner) on update cascade
);
comment on table public.alerts is 'What somebody should look at, named by its event.';
