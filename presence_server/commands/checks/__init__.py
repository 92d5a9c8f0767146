"""What `presence-server check` looks at, a file for each part. Each yields findings.

None of it changes anything: ports are listened at for a moment, keys are read and fetched, and the
webhook's host hears a connection begin and end.
"""
