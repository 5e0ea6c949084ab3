"""The classical channel of a link: blocks between its two parties, through a proxy that can break it."""
