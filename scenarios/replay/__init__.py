"""The calls of somebody's own program, as ``python -m shm_rpc_bridge.record`` recorded them, over each IPC.

`recorded` and `sample` read a recording, `travel` says what of it can leave a process, `rounds` runs it over the
contenders in processes of their own (`service`, `client`, `timing`), `what_if` computes what that is to the program.
Imports `pages`, `running`, `plots`, `tables`, `statistics`, `records`, `measuring` and `common`; what runs in a
measured process (`cargo`, `client`, `codecs`, `service`, `tasks`, `timing`, `values`) imports nothing heavy.
"""
