"""HTTP for operators: metrics, health, who is online."""
