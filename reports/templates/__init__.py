"""Templates, style and script of the HTML report, beside this file."""
