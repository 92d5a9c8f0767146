"""What happened: who viewed what, how often, when. A listener on the rooms, and a process beside.

`recorder` notes facts on the event loop and `link` sends them to the recorder process (`process`),
which folds them into rows (`fold`, pure) in one transaction each (`store`), and answers questions
(`read`, `api`). Nothing of the second half is imported by the server itself.
"""
