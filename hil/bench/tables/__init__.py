"""The tables of a bench file, a file for each subject; :mod:`hil.bench.model` puts them together."""
