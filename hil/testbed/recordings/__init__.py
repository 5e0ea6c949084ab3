"""Recordings of time tags as links, and what they show."""
