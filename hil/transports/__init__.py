"""Bytes in, bytes out, one lock per port; a timeout leaves a link dirty until it is resynchronised."""
