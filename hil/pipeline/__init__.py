"""The key pipeline: a protocol between two parties, sans-IO."""
