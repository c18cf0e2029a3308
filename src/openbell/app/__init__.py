"""The API and the dashboard: what a trader looks at, and may stop, while sessions run."""
