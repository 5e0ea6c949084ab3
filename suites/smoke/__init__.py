"""Is the bench alive: seconds, before anything longer is started."""
