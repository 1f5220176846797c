# A restart without a memory while each replica has a new one loading beside it: what
# comes in place of others is not wanted for itself. Nothing more is ordered.
group gpu slots=2 max=9 servers=2
model llama gpu slots=1 min=1 max=9 version=v1
place gpu-0000 llama
place gpu-0001 llama
arrive llama 4
run 4s every 2s
----
at 2s
  llama: 2: within tolerance (serving 2, starting 0, draining 0)
update model llama version=v2
run 2s every 2s
----
at 6s
  now load llama@v2 on gpu/gpu-0000: replica short
  now load llama@v2 on gpu/gpu-0001: replica short
  later unroute llama@v1 on gpu/gpu-0000: waits for a replacement to serve
  later unroute llama@v1 on gpu/gpu-0001: waits for a replacement to serve
restart
always servers gpu 2
run 20s every 2s
----
at 8s
  llama: 2: within tolerance (serving 2, starting 2, draining 0)
  later route llama@v2 on gpu/gpu-0000: waits for the load
  later route llama@v2 on gpu/gpu-0001: waits for the load
at 10s
  now route llama@v2 on gpu/gpu-0000: replica loaded
  now route llama@v2 on gpu/gpu-0001: replica loaded
at 12s
  llama: 2: within tolerance (serving 4, starting 0, draining 0)
  now unroute llama@v1 on gpu/gpu-0000: old version
  now unroute llama@v1 on gpu/gpu-0001: old version
at 14s
  llama: 2: within tolerance (serving 2, starting 0, draining 2)
  later unload llama@v1 on gpu/gpu-0000: waits for requests in flight
  later unload llama@v1 on gpu/gpu-0001: waits for requests in flight
expect loads llama@v2 2
expect serving llama@v2 2
