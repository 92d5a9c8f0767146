"""The rows and how they change: schema, transactions, retention, erasure, check."""
