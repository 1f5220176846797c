# A restart without a memory while a server leaves: the replica that loads in place
# of the one there is not wanted for itself. Nothing more is ordered.
group gpu slots=1 max=9 servers=2
model llama gpu slots=1 min=1 max=9
place gpu-0000 llama
place gpu-0001 llama
arrive llama 4
run 4s every 2s
----
at 2s
  llama: 2: within tolerance (serving 2, starting 0, draining 0)
leave gpu-0001
run 14s every 2s
----
at 6s
  later unroute llama on gpu/gpu-0001: waits for a replacement to serve
  later load llama on gpu/gpu-0002: waits for the server to be up
at 16s
  now load llama on gpu/gpu-0002: replica short
at 18s
  llama: 2: within tolerance (serving 2, starting 1, draining 0)
  later route llama on gpu/gpu-0002: waits for the load
expect loads llama 1
restart
always servers gpu 3
run 20s every 2s
----
at 20s
  now route llama on gpu/gpu-0002: replica loaded
at 22s
  llama: 2: within tolerance (serving 3, starting 0, draining 0)
  now unroute llama on gpu/gpu-0001: server leaving
at 24s
  llama: 2: within tolerance (serving 2, starting 0, draining 1)
  later unload llama on gpu/gpu-0001: waits for requests in flight
expect loads llama 1
expect serving llama 2
