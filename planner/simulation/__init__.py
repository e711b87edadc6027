"""Simulates plans: every batch, stage, link and queue as events, without any device."""
