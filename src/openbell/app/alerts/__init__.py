"""Alerts: what happens in sessions, sent to people by mail, chat and the like."""
