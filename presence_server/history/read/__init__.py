"""What can be asked of the rows. It only reads.

A question is a function of a connection from `limits.asking`: one snapshot, two seconds. What is
not there (a room, a resource, a session) is answered with None. `export` takes the engine instead.
"""
